"""The process that runs a model file: its options, its supervisor, and its address."""
