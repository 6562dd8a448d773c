"""Writes errors in the shape that a document defines for them."""
