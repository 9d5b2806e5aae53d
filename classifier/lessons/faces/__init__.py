"""Lessons on face swaps, from one encoder with two decoders to the toolkit's own recipes."""
