"""Generates values that are valid under the schemas of a document, for mocks and tests."""
