"""The chain of steps that give a swapped face the detail of its footage.

Enhancers see upright crops. All other steps work on the pixels of the frame under the face, as the
camera did: that is exact, and costs no more than the face is large.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.detail.blur import gaussian_blur, line_blur
from faceswap.conversion.detail.degrade import reduce_colours, reduce_size
from faceswap.conversion.detail.enhancers import Enhancer, FaceCrops
from faceswap.conversion.detail.grain import Grain
from faceswap.conversion.detail.sharpening import sharpen
from faceswap.conversion.detail.softness import missing_softness

MATCHED = 1.0
"""Default fraction of the missing noise."""
_LONGEST = 0.25  # face squares: lines of motion blur are no longer


@dataclass(frozen=True)
class DetailSettings:
    """Strength of each step; 0 omits it.

    Attributes:
        sharpen: Amount of unsharp masking.
        radius: Radius of unsharp masking in percent of the face square.
        softness: Fraction of the missing softness, 0 to 1.
        motion_blur: Fraction of the time between two frames that the shutter is open, 0 to 1.
        degrade: Loss of resolution, 0 to 1.
        grain: Fraction of the missing noise, 0 to 1.
        reduce_colours: Loss of colours, 0 to 1.
    """

    sharpen: float = 0.0
    radius: float = 1.0
    softness: float = 0.0
    motion_blur: float = 0.0
    degrade: float = 0.0
    grain: float = 0.0
    reduce_colours: float = 0.0


_NO_STEPS = DetailSettings()


@dataclass(frozen=True)
class FaceInFrame:
    """A face in its frame, as the steps need it.

    Attributes:
        face_square: Side of the face square in pixels of the frame.
        softness: Variance of the missing softness in square pixels, ``(1,)``.
        motion: Movement of the face from one frame to the next, ``(2,)`` in pixels.
        seed: Numbers that the grain depends on: track and frame.
    """

    face_square: float
    softness: Tensor
    motion: NDArray[np.floating]
    seed: tuple[int, ...]


class DetailChain:
    """Sharpness, softness, motion blur, grain and loss of detail of swapped faces.

    Args:
        settings: Strength of each step.
        enhancers: Enhancers, in order.
        device: Device of the faces.

    Attributes:
        settings: Strength of each step.
        facts: Settings and names of the enhancers, on which the result depends.
        enhances: Whether there are enhancers; crops then need the resolution of the frame.
    """

    def __init__(
        self,
        settings: DetailSettings = _NO_STEPS,
        enhancers: Sequence[Enhancer] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings = settings
        names = [getattr(each, "__qualname__", type(each).__qualname__) for each in enhancers]
        self.facts = {**asdict(settings), "enhancers": names}
        self.enhances = bool(enhancers)
        self._enhancers = tuple(enhancers)
        self._grain = Grain(device) if settings.grain else None

    def enhance(self, crops: FaceCrops) -> Tensor:
        """Faces after all enhancers, ``(B, 3, s, s) float32 RGB`` in [0, 1]."""
        faces = crops.faces
        for enhancer in self._enhancers:
            faces = enhancer(crops.of(faces))
        return faces

    def measure(self, faces: Tensor, targets: Tensor, weights: Tensor, across: Tensor) -> Tensor:
        """Measures what is averaged over the frames of a track before it is applied.

        Args:
            faces: Swapped faces, ``(B, 3, S, S) float32 RGB`` in [0, 1].
            targets: The frame's own faces, of the same shape.
            weights: Weights of the pixels to compare, ``(B, 1, M, M)`` in [0, 1].
            across: Side of each crop in pixels of its frame, ``(B,)``.

        Returns:
            Missing softness, ``(B, 1)``: variance in square pixels of the frame.
        """
        variance = missing_softness(faces, targets, weights)
        return (variance * (across / faces.shape[-1]).square())[:, None]

    def __call__(self, face: Tensor, under: Tensor, mask: Tensor, place: FaceInFrame) -> Tensor:
        """Applies all steps but the enhancers.

        Args:
            face: Swapped face in pixels of the frame, ``(1, 3, H, W) float32 RGB`` in [0, 1].
            under: Pixels of the frame there, of the same shape.
            mask: Soft mask of the face, ``(1, 1, H, W)`` in [0, 1].
            place: The face in its frame.

        Returns:
            Face of the same shape, in [0, 1].
        """
        face = self._shaped(face, place)
        if self.settings.degrade:
            face = reduce_size(face, self.settings.degrade)
        if self._grain is not None:
            weights = mask / mask.amax().clamp_min(1e-3)  # a face that fades in has grain too
            face = self._grain.match(face, under, weights, self.settings.grain, place.seed)
        if self.settings.reduce_colours:
            face = reduce_colours(face, self.settings.reduce_colours)
        return face

    def _shaped(self, face: Tensor, place: FaceInFrame) -> Tensor:
        """Sharpened, softened and blurred by motion."""
        settings = self.settings
        if settings.sharpen:
            radius = face.new_tensor([settings.radius / 100 * place.face_square])
            face = sharpen(face, settings.sharpen, radius)
        if settings.softness:
            face = gaussian_blur(face, (settings.softness * place.softness).sqrt())
        if settings.motion_blur:
            line = settings.motion_blur * place.motion
            most = _LONGEST * place.face_square
            line = line * min(1, most / max(float(np.linalg.norm(line)), 1e-6))
            face = line_blur(face, line[None])
        return face
