"""Memory of a training, known before it begins, and the settings with which it fits."""
