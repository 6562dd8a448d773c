"""Tools for OpenAPI documents, off the serving path: lint, diff and samples. Commands and mocks import them."""
