"""Handlers for the operations of the twin documents: they give back what they were given."""
