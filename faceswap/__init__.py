"""Extract faces from footage, train an autoencoder on them, and put the swapped faces back."""

__version__ = "0.1.0"
