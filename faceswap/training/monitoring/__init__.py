"""Metrics, previews and logs of a training."""
