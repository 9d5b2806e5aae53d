"""Discriminators of adversarial training; they are never part of an exported model."""
