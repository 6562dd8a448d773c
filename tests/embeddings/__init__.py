"""The domain of embeddings."""
