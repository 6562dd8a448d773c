"""Values that fit the schemas of a document, for mocks and tests."""
