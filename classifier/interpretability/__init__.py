"""What networks see and know: maps, filters, embeddings, probes."""
