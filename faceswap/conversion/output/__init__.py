"""What a conversion writes, and how it is named and described."""
