"""Lessons on one neuron, and on a few in layers."""
