"""Converts OpenAPI documents to another version of the standard."""
