"""Files of deepfakes/faceswap and DeepFaceLab, read and written without unpickling."""
