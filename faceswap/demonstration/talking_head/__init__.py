"""Clips of a talking head, animated from a portrait."""
