"""Putting faces back into footage: the pipeline, the swap, colours and compositing."""
