"""Interpretability: attribution, feature maps, embeddings and probes."""
