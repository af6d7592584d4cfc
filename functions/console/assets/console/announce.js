// Says what changed to who can't see it: one live region for the page.
let region = null;
let timer = null;

export const setRegion = (element) => {
  region = element;
};

export function announce(text) {
  if (!region) return;
  region.textContent = "";
  clearTimeout(timer);
  // A text that is put in right away after it was taken out is read as no change.
  timer = setTimeout(() => {
    region.textContent = text;
  }, 50);
}
