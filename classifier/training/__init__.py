"""Training: data, transfer modes, schedules, steps and checkpoints."""
