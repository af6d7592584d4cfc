// Renders the API reference. A key that is entered is not stored, so it is lost on reload.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

SwaggerUIBundle({
  domNode: document.getElementById("reference"),
  url: "openapi.json",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  // The validator would send the description's URL to a third party.
  validatorUrl: null,
});
