"""Errors in the words of a document that has a shape of its own for them."""
