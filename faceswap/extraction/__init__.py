"""Extraction: from footage to facesets."""
