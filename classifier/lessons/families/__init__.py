"""Lessons on other families of networks: those that compress, generate, remember or complete."""
