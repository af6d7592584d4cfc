// Sets the theme before the first paint, to avoid a flash. So it is a classic script, not a module.
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
        /* Without storage the theme lasts until the tab closes. */
      }
      dispatchEvent(new Event("themechange"));
    },
  };
})();
