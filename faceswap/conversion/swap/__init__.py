"""Swap of the faces of frames: cut, decode, match, blend."""
