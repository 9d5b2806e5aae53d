"""A training on disk."""
