"""The layouts and file formats that images, labels and masks are read from."""
