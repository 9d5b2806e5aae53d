"""Talking-head clips animated from a single portrait."""
