"""How networks learn: data, rates, steps, checkpoints."""
