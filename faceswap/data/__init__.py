"""From facesets to batches: cache, held-out split, sampling, augmentation, warp."""
