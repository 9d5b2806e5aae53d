"""Training: settings, loop, losses, checkpoints, previews."""
