"""What both packages share and what knows nothing of faces: config, files, weights, errors."""
