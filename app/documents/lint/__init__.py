"""Everything that is wrong with an OpenAPI document, each with its place and what to do."""
