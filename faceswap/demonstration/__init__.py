"""What ``faceswap demo`` does: its clips, stages, summary and checks."""
