"""Losses of the face autoencoders."""
