"""Evaluation of face swaps: metrics, baselines and reports."""
