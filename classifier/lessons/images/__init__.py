"""Lessons on networks that classify images."""
