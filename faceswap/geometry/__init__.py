"""Alignment, the 68-point landmarks and the mean face."""
