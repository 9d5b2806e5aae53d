"""Stages, clips, checks and summary of ``faceswap demo``."""
