"""Facesets on disk: reading, writing, subject records."""
