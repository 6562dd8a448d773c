"""Where the file of a model comes from: a path, the catalogue, or a hub."""
