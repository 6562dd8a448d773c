// Requests go to the server that this page came from, whatever servers the document names and whatever proxy stands
// between: a key is for this server alone.
const here = { url: new URL("..", location.href).pathname.replace(/(.)\/$/, "$1") };

function withoutServers(item) {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
  const { servers, ...rest } = item;
  return rest;
}

function servedHere(document) {
  const paths = Object.entries(document.paths ?? {}).map(([path, item]) => [
    path,
    Object.fromEntries(Object.entries(withoutServers(item)).map(([name, value]) => [name, withoutServers(value)])),
  ]);
  return { ...document, servers: [here], paths: Object.fromEntries(paths) };
}

// The address is fixed: a page that took it from the query string could be made to show another server's document.
window.ui = SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // The operations are the page; the schemas, many, are a click away.
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  plugins: [
    {
      statePlugins: {
        spec: { wrapActions: { updateJsonSpec: (update) => (document) => update(servedHere(document)) } },
      },
    },
  ],
});
