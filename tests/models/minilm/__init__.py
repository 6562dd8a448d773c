"""A real model for embeddings, served and compared with what its weights come to."""
