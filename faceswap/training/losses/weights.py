"""Weights of the loss terms and of the pixels."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import max_pool2d

from faceswap.training.losses.blur import blur


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss terms; a term with weight 0 is not computed.

    Attributes:
        l1: Weight of the mean absolute difference.
        dssim: Weight of the structural dissimilarity.
        mask: Weight of the mean absolute difference of the predicted mask, if there is one.
        inside: Weight of pixels inside the face mask.
        features: Factor on the weight of eyes and mouth.
        stride: Stride of the SSIM window in pixels.
        swap: Weight of the structural dissimilarity between a swapped face and its matched target.
        detail: Weight of the mean absolute difference of the local energy of fine detail.
        outside: Weight of pixels outside the face mask.
        eyes: Further factor on the weight of the eyes.
        mouth: Further factor on the weight of the mouth.
        mask_margin: Margin around the face mask that counts as inside, as a fraction of the side;
            negative for a strip inside it that counts as outside.
        mask_blur: Standard deviation of the blur of the border, as a fraction of the side.
        l2: Weight of the mean squared difference.
        log_cosh: Weight of the log-cosh difference.
        ms_ssim: Weight of the multi-scale structural dissimilarity.
        gmsd: Weight of the gradient magnitude similarity deviation.
        gradient: Weight of the mean absolute difference of neighbouring pixels' differences.
        laplacian: Weight of the mean absolute differences of a Laplacian pyramid.
        focal_frequency: Weight of the focal frequency loss.
        total_variation: Weight of the mean absolute difference of neighbouring decoded pixels.
        background: Weight of the mean squared difference outside the face mask.
        lpips: Weight of LPIPS.
        identity: Weight of the distance of the embeddings of decoded faces and their targets.
        identity_swap: Weight of the distance of the embeddings of swaps and of their identity.
        face_style: Weight of the difference of local colours of swaps and of replaced faces.
        background_style: Weight of the difference of swaps and replaced faces outside the face.
    """

    l1: float = 1.0
    dssim: float = 1.0
    mask: float = 0.2
    inside: float = 1.0
    features: float = 1.0
    stride: int = 1
    swap: float = 0.0
    detail: float = 0.0
    outside: float = 1.0
    eyes: float = 1.0
    mouth: float = 1.0
    mask_margin: float = 0.0
    mask_blur: float = 0.0
    l2: float = 0.0
    log_cosh: float = 0.0
    ms_ssim: float = 0.0
    gmsd: float = 0.0
    gradient: float = 0.0
    laplacian: float = 0.0
    focal_frequency: float = 0.0
    total_variation: float = 0.0
    background: float = 0.0
    lpips: float = 0.0
    identity: float = 0.0
    identity_swap: float = 0.0
    face_style: float = 0.0
    background_style: float = 0.0

    @property
    def needs_identity(self) -> bool:
        """Whether a term needs a recognition network."""
        return bool(self.identity or self.identity_swap)

    def swaps(self, faces: int, matched: int) -> int:
        """Number of faces of each identity that have to be swapped, the first of a batch.

        Args:
            faces: Faces of each identity in the batch.
            matched: Leading ones of them that belong to matched pairs.
        """
        if self.identity_swap or self.face_style or self.background_style:
            return faces
        return matched if self.swap else 0

    def map(self, mask: Tensor, features: Tensor) -> Tensor:
        """Weight of each pixel, ``(..., 1, H, W)``.

        Args:
            mask: Face mask, ``(..., 1, H, W)`` in [0, 1], 1 inside the face.
            features: Masks of the eyes and of the mouth, ``(..., 2, H, W)`` in [0, 1].
        """
        mask = softened(widened(mask, self.mask_margin), self.mask_blur)
        eyes, mouth = features.split(1, -3)
        priority = 1 + (self.features * self.eyes - 1) * eyes
        priority = priority + (self.features * self.mouth - 1) * mouth
        return (self.outside + (self.inside - self.outside) * mask) * priority


def widened(mask: Tensor, margin: float) -> Tensor:
    """A mask with a margin around it, or without one inside if it is negative.

    Args:
        mask: Mask, ``(..., 1, H, W)`` in [0, 1].
        margin: Width of the margin, as a fraction of the side.
    """
    radius = round(margin * mask.shape[-1])
    if not radius:
        return mask
    sign = 1 if radius > 0 else -1
    flat = sign * mask.reshape(-1, *mask.shape[-3:])
    grown = max_pool2d(flat, 2 * abs(radius) + 1, 1, abs(radius))
    return (sign * grown).reshape(mask.shape)


def softened(mask: Tensor, width: float) -> Tensor:
    """A mask with a blurred border.

    Args:
        mask: Mask, ``(..., 1, H, W)`` in [0, 1].
        width: Standard deviation of the blur, as a fraction of the side.
    """
    return blur(mask, sigma=width * mask.shape[-1]) if width else mask
