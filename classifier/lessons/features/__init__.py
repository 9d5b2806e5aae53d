"""Lessons on what networks have learnt, and its use for other tasks."""
