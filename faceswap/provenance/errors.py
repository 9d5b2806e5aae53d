"""What can go wrong with marks, in words."""

from faceswap.core.errors import FaceswapError


class ProvenanceError(FaceswapError):
    """Converted media cannot be signed, or a mark cannot be read."""
