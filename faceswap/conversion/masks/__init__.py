"""Masks of the faces to replace."""
