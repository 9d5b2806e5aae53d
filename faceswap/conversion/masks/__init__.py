"""Masks of the faces to replace, and what is in front of them."""
