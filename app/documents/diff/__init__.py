"""Reports what changed between two OpenAPI documents, and which changes break clients."""
