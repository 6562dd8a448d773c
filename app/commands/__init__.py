"""The commands of `parley`, a module for each."""
