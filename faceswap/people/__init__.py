"""Who is it: embeddings of tracks, people across facesets, and references to a person."""
