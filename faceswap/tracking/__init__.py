"""Faces in video: tracking, smoothing, scene cuts."""
