// Imports a pure module of the console: `await load("format.js")`.
const ROOT = new URL("../../functions/console/assets/console/", import.meta.url);

export const load = (name) => import(new URL(name, ROOT));
