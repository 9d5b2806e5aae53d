"""Learn to classify images, from one neuron to networks that are used as they come."""
