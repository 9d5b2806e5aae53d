"""Faces through time: tracking, smoothing, scene cuts."""
