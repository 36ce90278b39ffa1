"""Local models that score: options, rewards, embeddings."""
