"""Reads the answers of each operation in the form of a chat completion, so that the same judges serve all of them."""
