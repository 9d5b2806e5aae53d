"""Data of a training: caches, batches, guides."""
