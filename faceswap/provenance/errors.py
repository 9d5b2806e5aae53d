"""Errors of signing and of reading manifests."""

from faceswap.core.errors import FaceswapError


class ProvenanceError(FaceswapError):
    """A file cannot be signed, or a manifest cannot be read."""
