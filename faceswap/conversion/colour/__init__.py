"""Colours of the frame for swapped faces."""
