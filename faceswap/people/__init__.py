"""Who is who: embeddings of tracks, clusters of people, references."""
