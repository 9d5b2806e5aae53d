"""Curation of facesets: what the subcommands of ``faceswap faces`` do."""
