"""Lessons on how a model is found from data, and what that costs."""
