"""Images with classes: from files to batches."""
