import { h, render } from "./view.js";
import { App } from "./app.js";

render(h(App), document.getElementById("console"));
