"""Code shared by both packages, independent of faces: configuration, files, weights, errors."""
