"""The process that runs a model file: what it is started with, who keeps it alive, and where it listens."""
