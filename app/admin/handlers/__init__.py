"""The handlers of the operators' document: a module for each tag, a function for each operation."""
