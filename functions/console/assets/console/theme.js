// Set before the first paint, so that nobody who chose dark is flashed at. A classic script for that reason.
(() => {
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem("tollgate.theme");
    } catch {
      return null;
    }
  };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  show(stored());
  globalThis.tollgateTheme = {
    isDark: () =>
      root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches,
    choose(theme) {
      show(theme);
      try {
        localStorage.setItem("tollgate.theme", theme);
      } catch {
        /* It holds until the tab is closed. */
      }
      dispatchEvent(new Event("themechange"));
    },
  };
})();
