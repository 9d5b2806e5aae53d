"""Faces of the source, and the identity that each becomes."""
