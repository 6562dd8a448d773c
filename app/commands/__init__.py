"""The commands of `parley ...` that have a module of their own."""
