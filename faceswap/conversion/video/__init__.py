"""Conversion of videos, segment by segment."""
