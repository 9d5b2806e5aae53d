"""Detail of swapped faces: sharpness, skin, softness, motion blur and grain of the footage."""
