// Requests go to the server that this page came from, whatever servers the document names and whatever proxy stands
// between: a key is for this server alone.
const here = { url: new URL("..", location.href).pathname.replace(/(.)\/$/, "$1") };

function withoutServers(item) {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
  const { servers, ...rest } = item;
  return rest;
}

// The server takes its own keys as the tokens of OAuth 2 and OpenID Connect, and asks for none elsewhere. So there is a
// field for the key where Swagger UI would lead to the document's authorization server.
function openedHere(document) {
  const target = (scheme) => {
    const [root, ...names] = (scheme?.$ref ?? "").split("/");
    if (root !== "#") return scheme;
    const unescaped = names.map((name) => decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~"));
    return unescaped.reduce((node, name) => node?.[name], document);
  };
  const opened = ([name, scheme]) => {
    const { type, description = "" } = target(scheme) ?? {};
    if (type !== "oauth2" && type !== "openIdConnect") return [name, scheme];
    const note = `The document has ${type} here. Enter an API key of this server.`;
    return [name, { type: "http", scheme: "bearer", description: [description, note].filter(Boolean).join("\n\n") }];
  };
  const { securitySchemes, ...components } = document.components ?? {};
  if (!securitySchemes) return document;
  const schemes = Object.fromEntries(Object.entries(securitySchemes).map(opened));
  return { ...document, components: { ...components, securitySchemes: schemes } };
}

function each(object, change) {
  return Object.fromEntries(Object.entries(object ?? {}).map(([name, value]) => [name, change(value, name)]));
}

function operationHere(value, name) {
  return name === "additionalOperations" ? each(value, withoutServers) : withoutServers(value);
}

function servedHere(document) {
  const paths = each(document.paths, (item) => each(withoutServers(item), operationHere));
  return { ...document, servers: [here], paths };
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
        spec: { wrapActions: { updateJsonSpec: (update) => (document) => update(openedHere(servedHere(document))) } },
      },
    },
  ],
});
