"""The sources of a model's file: a path, the catalogue, or a hub."""
