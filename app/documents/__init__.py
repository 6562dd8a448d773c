"""Tools for OpenAPI documents outside the serving path: lint, diff and samples. Commands and mocks import them."""
