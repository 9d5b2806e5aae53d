"""Video, audio and image files: finding, reading and writing them."""
