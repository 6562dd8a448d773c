"""The changes of the tables, one module for each, in ``versions``."""
