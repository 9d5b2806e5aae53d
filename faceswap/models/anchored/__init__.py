"""Face autoencoder whose decoders correct warped real crops of their identity."""
