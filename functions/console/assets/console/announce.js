// Announces changes to screen readers through the page's live region.
let region = null;
let timer = null;

export const setRegion = (element) => {
  region = element;
};

export function announce(text) {
  if (!region) return;
  region.textContent = "";
  clearTimeout(timer);
  // Without a delay, clearing and setting the same text is not announced as a change.
  timer = setTimeout(() => {
    region.textContent = text;
  }, 50);
}
