"""What changed between two OpenAPI documents, and what of it breaks clients."""
