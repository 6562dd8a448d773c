"""OpenAPI documents in another version of the standard."""
