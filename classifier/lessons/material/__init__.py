"""What lessons share: their data, and the training of small networks."""
