"""Colour transfers between pictures of faces."""
