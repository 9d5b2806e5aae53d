"""Benchmarks of each stage of the work."""
