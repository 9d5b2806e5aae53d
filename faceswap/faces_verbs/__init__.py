"""Subcommands of ``faceswap faces``, one a file."""
