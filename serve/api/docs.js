// Nothing is fetched from elsewhere: no badge of an online validator, and no document but ours.
window.addEventListener("DOMContentLoaded", () =>
  SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null })
);
