"""Reads the OpenAPI document on the serving path: routes, parameters, schemas, validators. Independent of chat."""
