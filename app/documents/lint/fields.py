"""The fixed fields of the objects of OpenAPI 3.0, 3.1 and 3.2, as far as a check of documents needs them: the type of
each field, and the required fields. (OpenAPI Specification 3.0.4, 3.1.1 and 3.2.0, section 4; JSON Schema 2020-12.)

A type is ``string``, ``boolean``, ``number``, ``integer``, ``any``, ``a|b``, the name of an object, ``list:…`` or
``map:…``.
"""

from __future__ import annotations

FIELDS: dict[str, dict[str, str]] = {
    "OpenAPI": {
        "openapi": "string",
        "$self": "string",
        "info": "Info",
        "jsonSchemaDialect": "string",
        "servers": "list:Server",
        "paths": "Paths",
        "webhooks": "map:PathItem",
        "components": "Components",
        "security": "list:Requirement",
        "tags": "list:Tag",
        "externalDocs": "ExternalDocs",
    },
    "Info": {
        "title": "string",
        "summary": "string",
        "description": "string",
        "termsOfService": "string",
        "contact": "Contact",
        "license": "License",
        "version": "string",
    },
    "Contact": {"name": "string", "url": "string", "email": "string"},
    "License": {"name": "string", "identifier": "string", "url": "string"},
    "Server": {"url": "string", "description": "string", "name": "string", "variables": "map:ServerVariable"},
    "ServerVariable": {"enum": "list:string", "default": "string", "description": "string"},
    "Tag": {
        **dict.fromkeys(("name", "summary", "description", "parent", "kind"), "string"),
        "externalDocs": "ExternalDocs",
    },
    "ExternalDocs": {"description": "string", "url": "string"},
    "Components": {
        "schemas": "map:Schema",
        "responses": "map:Response",
        "parameters": "map:Parameter",
        "examples": "map:Example",
        "requestBodies": "map:RequestBody",
        "headers": "map:Header",
        "securitySchemes": "map:SecurityScheme",
        "links": "map:Link",
        "callbacks": "map:Callback",
        "pathItems": "map:PathItem",
        "mediaTypes": "map:MediaType",
    },
    "PathItem": {
        "summary": "string",
        "description": "string",
        **dict.fromkeys(("get", "put", "post", "delete", "options", "head", "patch", "trace", "query"), "Operation"),
        "additionalOperations": "map:Operation",
        "servers": "list:Server",
        "parameters": "list:Parameter",
    },
    "Operation": {
        "tags": "list:string",
        "summary": "string",
        "description": "string",
        "externalDocs": "ExternalDocs",
        "operationId": "string",
        "parameters": "list:Parameter",
        "requestBody": "RequestBody",
        "responses": "Responses",
        "callbacks": "map:Callback",
        "deprecated": "boolean",
        "security": "list:Requirement",
        "servers": "list:Server",
    },
    "Parameter": {
        "name": "string",
        "in": "string",
        "description": "string",
        "required": "boolean",
        "deprecated": "boolean",
        "allowEmptyValue": "boolean",
        "style": "string",
        "explode": "boolean",
        "allowReserved": "boolean",
        "schema": "Schema",
        "example": "any",
        "examples": "map:Example",
        "content": "map:MediaType",
    },
    "RequestBody": {"description": "string", "content": "map:MediaType", "required": "boolean"},
    "MediaType": {
        "description": "string",
        "schema": "Schema",
        "itemSchema": "Schema",
        "example": "any",
        "examples": "map:Example",
        "encoding": "map:Encoding",
        "prefixEncoding": "list:Encoding",
        "itemEncoding": "Encoding",
    },
    "Encoding": {
        "contentType": "string",
        "headers": "map:Header",
        "style": "string",
        "explode": "boolean",
        "allowReserved": "boolean",
        "encoding": "map:Encoding",
        "prefixEncoding": "list:Encoding",
        "itemEncoding": "Encoding",
    },
    "Response": {
        "summary": "string",
        "description": "string",
        "headers": "map:Header",
        "content": "map:MediaType",
        "links": "map:Link",
    },
    "Example": {
        **dict.fromkeys(("summary", "description", "externalValue", "serializedValue"), "string"),
        **dict.fromkeys(("value", "dataValue"), "any"),
    },
    "Link": {
        "operationRef": "string",
        "operationId": "string",
        "parameters": "map:any",
        "requestBody": "any",
        "description": "string",
        "server": "Server",
    },
    "SecurityScheme": {
        "type": "string",
        "description": "string",
        "name": "string",
        "in": "string",
        "scheme": "string",
        "bearerFormat": "string",
        "flows": "OAuthFlows",
        "openIdConnectUrl": "string",
        "oauth2MetadataUrl": "string",
        "deprecated": "boolean",
    },
    "OAuthFlows": dict.fromkeys(
        ("implicit", "password", "clientCredentials", "authorizationCode", "deviceAuthorization"), "OAuthFlow"
    ),
    "OAuthFlow": {
        "deviceAuthorizationUrl": "string",
        "authorizationUrl": "string",
        "tokenUrl": "string",
        "refreshUrl": "string",
        "scopes": "map:string",
    },
    "Discriminator": {"propertyName": "string", "mapping": "map:string", "defaultMapping": "string"},
    "XML": {
        "nodeType": "string",
        "name": "string",
        "namespace": "string",
        "prefix": "string",
        "attribute": "boolean",
        "wrapped": "boolean",
    },
    "Schema": {
        **dict.fromkeys(("title", "description", "format", "pattern", "$comment"), "string"),
        **dict.fromkeys(("multipleOf", "maximum", "minimum"), "number"),
        **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum"), "number|boolean"),
        **dict.fromkeys(
            (
                *("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"),
                *("maxContains", "minContains"),
            ),
            "integer",
        ),
        **dict.fromkeys(("uniqueItems", "deprecated", "nullable", "readOnly", "writeOnly"), "boolean"),
        **dict.fromkeys(("default", "example", "const"), "any"),
        **dict.fromkeys(("enum", "examples"), "list:any"),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), "list:Schema"),
        **dict.fromkeys(
            (
                *("not", "if", "then", "else", "items", "contains", "propertyNames", "additionalProperties"),
                *("unevaluatedItems", "unevaluatedProperties", "contentSchema"),
            ),
            "Schema",
        ),
        **dict.fromkeys(("properties", "patternProperties", "dependentSchemas", "$defs"), "map:Schema"),
        "type": "string|list:string",
        "required": "list:string",
        "dependentRequired": "map:list:string",
        **dict.fromkeys(
            (
                *("contentEncoding", "contentMediaType", "$id", "$schema", "$anchor", "$dynamicRef"),
                "$dynamicAnchor",
            ),
            "string",
        ),
        "$vocabulary": "map:boolean",
        "discriminator": "Discriminator",
        "xml": "XML",
        "externalDocs": "ExternalDocs",
    },
}
FIELDS["Header"] = {name: value for name, value in FIELDS["Parameter"].items() if name not in ("name", "in")}

# Objects whose keys are names that the author chooses, and the types of their values.
MAPS = {"Paths": "PathItem", "Responses": "Response", "Callback": "PathItem", "Requirement": "list:string"}

# Objects that may be replaced by a reference. (In a path item, $ref only refers to the rest of it.)
REFERABLE = frozenset(
    {
        *("PathItem", "Parameter", "RequestBody", "Response", "Header", "Example", "Link", "Callback"),
        *("SecurityScheme", "Schema", "MediaType"),
    }
)

REQUIRED: dict[str, tuple[str, ...]] = {
    "OpenAPI": ("info",),
    "Info": ("title", "version"),
    "License": ("name",),
    "Server": ("url",),
    "ServerVariable": ("default",),
    "Tag": ("name",),
    "ExternalDocs": ("url",),
    "Parameter": ("name", "in"),
    "RequestBody": ("content",),
    "SecurityScheme": ("type",),
    "Discriminator": ("propertyName",),
}
# Without these fields the server cannot read the document.
REQUIRED_TO_SERVE = frozenset({("Parameter", "name"), ("Parameter", "in"), ("SecurityScheme", "type")})

ONLY_3_1: dict[str, frozenset[str]] = {
    "OpenAPI": frozenset({"webhooks", "jsonSchemaDialect"}),
    "Info": frozenset({"summary"}),
    "License": frozenset({"identifier"}),
    "Components": frozenset({"pathItems"}),
    "Schema": frozenset(
        {
            *("$comment", "$defs", "$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"),
            *("const", "examples", "prefixItems", "if", "then", "else", "contains", "propertyNames"),
            *("patternProperties", "dependentSchemas", "dependentRequired", "unevaluatedItems"),
            *("unevaluatedProperties", "contentSchema", "contentEncoding", "contentMediaType"),
            *("maxContains", "minContains"),
        }
    ),
}

ONLY_3_2: dict[str, frozenset[str]] = {
    "OpenAPI": frozenset({"$self"}),
    "Server": frozenset({"name"}),
    "Tag": frozenset({"summary", "parent", "kind"}),
    "Components": frozenset({"mediaTypes"}),
    "PathItem": frozenset({"query", "additionalOperations"}),
    "MediaType": frozenset({"description", "itemSchema", "prefixEncoding", "itemEncoding"}),
    "Encoding": frozenset({"encoding", "prefixEncoding", "itemEncoding"}),
    "Response": frozenset({"summary"}),
    "Example": frozenset({"dataValue", "serializedValue"}),
    "SecurityScheme": frozenset({"deprecated", "oauth2MetadataUrl"}),
    "OAuthFlows": frozenset({"deviceAuthorization"}),
    "OAuthFlow": frozenset({"deviceAuthorizationUrl"}),
    "Discriminator": frozenset({"defaultMapping"}),
    "XML": frozenset({"nodeType"}),
}

# The formats of JSON Schema and of OpenAPI's registry of formats (spec.openapis.org/registry/format).
REGISTERED_FORMATS = frozenset(
    {
        *("base64url", "binary", "byte", "char", "commonmark", "date", "date-time", "date-time-local"),
        *("decimal", "decimal128", "double", "double-int", "duration", "email", "float", "hostname"),
        *("html", "http-date", "idn-email", "idn-hostname", "int16", "int32", "int64", "int8", "ipv4"),
        *("ipv6", "iri", "iri-reference", "json-pointer", "media-range", "password", "regex"),
        *("relative-json-pointer", "sf-binary", "sf-boolean", "sf-decimal", "sf-integer", "sf-string"),
        *("sf-token", "time", "time-local", "uint16", "uint32", "uint64", "uint8", "unixtime", "uri"),
        *("uri-reference", "uri-template", "uuid"),
    }
)


def with_article(kind: str) -> str:
    """Return the name of an object with its article, for a sentence."""
    words = {
        "OpenAPI": "a document",
        "PathItem": "a path",
        "RequestBody": "a request body",
        "MediaType": "a media type",
        "SecurityScheme": "a security scheme",
        "ServerVariable": "a variable of a server",
        "ExternalDocs": "external documentation",
        "OAuthFlows": "OAuth flows",
        "OAuthFlow": "an OAuth flow",
        "Components": "components",
        "XML": "xml",
        "Info": "info",
    }
    return words.get(kind) or ("an " if kind[0] in "AEIO" else "a ") + kind.lower()
