"""Unsharp masking."""

from torch import Tensor

from faceswap.conversion.detail.blur import gaussian_blur


def sharpen(faces: Tensor, amount: float, radii: Tensor) -> Tensor:
    """Adds to each face what a Gaussian blur of it removes.

    Args:
        faces: Faces, ``(B, 3, H, W) float32 RGB`` in [0, 1].
        amount: Fraction of that difference.
        radii: Standard deviation of each blur in pixels, ``(B,)``.

    Returns:
        Faces of the same shape, in [0, 1].
    """
    return (faces + amount * (faces - gaussian_blur(faces, radii))).clamp_(0, 1)
