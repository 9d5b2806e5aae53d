"""Frames that a training in miniature swaps, and how good its faces are."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.lessons.faces.miniature import Trained
from faceswap.conversion.detail.chain import DetailChain, DetailSettings
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.masks.face_masks import build_face_masks
from faceswap.conversion.swap.parts import default_parts
from faceswap.conversion.swap.swapper import Swapper
from faceswap.evaluation.footage import find_footage, load_samples
from faceswap.evaluation.frame_scoring import Sample
from faceswap.evaluation.reconstruction import held_out_tensor
from faceswap.evaluation.sharpness import RealDetail
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.training.losses.pixels import l1, weighted_mean
from faceswap.training.losses.structure import ssim_map

Pixels = NDArray[np.float32]

_AROUND = 1.7  # times the longer side of the landmarks: the part of a frame that is shown
_MEASURED = 3  # frames of each direction whose sharpness is measured


@dataclass(frozen=True)
class Quality:
    """Reconstructions of held-out faces by their own decoder, means over faces and identities.

    Attributes:
        ssim: Structural similarity inside the face mask, at most 1.
        l1: Mean absolute difference inside the face mask, in [0, 1].
    """

    ssim: float
    l1: float


@torch.inference_mode()
def measure(trained: Trained, side: int) -> Quality:
    """Measures reconstructions of held-out faces, as trainings do.

    Args:
        trained: Training.
        side: Side in pixels at which models of different sizes are compared.
    """
    model, values = trained.loaded.model, []
    for name, faces in trained.held_out.items():
        real = held_out_tensor(faces, side, trained.loaded.coverage)
        seen = held_out_tensor(faces, model.input_size, trained.loaded.coverage)[:, :3]
        decoded = _enlarged(model.swap(seen, name).face, side)
        colours, inside = real[:, :3], real[:, 3:]
        ssim = weighted_mean(ssim_map(decoded, colours), inside).mean()
        values.append((float(ssim), float(l1(decoded, colours, inside).mean())))
    ssims, errors = zip(*values, strict=True)
    return Quality(float(np.mean(ssims)), float(np.mean(errors)))


def _enlarged(faces: torch.Tensor, side: int) -> torch.Tensor:
    if faces.shape[-1] == side:
        return faces
    larger = torch.nn.functional.interpolate(faces, (side, side), mode="bicubic", antialias=True)
    return larger.clamp(0, 1)


@dataclass(frozen=True)
class FaceSwap:
    """One held-out frame, swapped.

    Attributes:
        frame: ``(H, W, 3) uint8`` part of the source frame around the face.
        face: ``(S, S, 3)`` its face as the encoder sees it, in [0, 1].
        decoded: ``(s, s, 3)`` that face decoded as the target, in [0, 1].
        mask: ``(M, M)`` mask with which it is blended into the frame, in [0, 1].
        swapped: ``(H, W, 3) uint8`` the same part of the converted frame.
    """

    frame: NDArray[np.uint8]
    face: Pixels
    decoded: Pixels
    mask: Pixels
    swapped: NDArray[np.uint8]


def swap_face(
    trained: Trained, source: str, to: str, place: float = 0.5, *, learned_mask: bool = True
) -> FaceSwap:
    """Swaps the face of a held-out frame, as ``faceswap convert`` does.

    Unlike there, no grain is added, which would hide the detail that a network can decode.

    Args:
        trained: Training.
        source: Identity of the frame.
        to: Identity to decode as.
        place: Place of the frame among the held-out ones, 0 to 1.
        learned_mask: Whether a mask that the model predicts narrows that of the landmarks.
    """
    faces = trained.held_out[source]
    pair = faces[round(place * (len(faces) - 1))]
    loaded = trained.loaded
    face = _array(held_out_tensor([pair], loaded.model.input_size, loaded.coverage)[:, :3])
    sample, mask, swapped = _convert(trained, pair, to, learned_mask=learned_mask)
    part = _around(sample)
    return FaceSwap(
        sample.image[part],
        face,
        decode(trained, face, to),
        mask,
        swapped[part],
    )


def decode(trained: Trained, face: Pixels, to: str) -> Pixels:
    """Decodes a face, ``(S, S, 3)`` in [0, 1], as an identity, ``(s, s, 3)``."""
    seen = torch.from_numpy(face).permute(2, 0, 1)[None]  # (1, 3, S, S)
    with torch.inference_mode():
        return _array(trained.loaded.model.swap(seen, to).face)


def sharpness(trained: Trained, source: str, to: str, *, learned_mask: bool = True) -> float:
    """Sharpness of swapped held-out faces over that of real faces of the target; 1 is as sharp.

    Args:
        trained: Training.
        source: Identity of the frames.
        to: Identity to decode as.
        learned_mask: Whether a mask that the model predicts narrows that of the landmarks.
    """
    real, faces = RealDetail(trained.training[to]), trained.held_out[source]
    chosen = np.linspace(0, len(faces) - 1, min(_MEASURED, len(faces))).round().astype(int)
    values = []
    for pair in (faces[index] for index in chosen):
        sample, _, swapped = _convert(trained, pair, to, learned_mask=learned_mask)
        values.append(real.sharpness(swapped, sample.landmarks))
    return float(np.mean(values))


def _convert(
    trained: Trained, pair: tuple[Faceset, Face], to: str, *, learned_mask: bool = True
) -> tuple[Sample, Pixels, NDArray[np.uint8]]:
    """The frame of a face, the mask of its swap, and the converted frame."""
    faceset, face = pair
    (sample,) = load_samples(faceset, [face], find_footage(faceset), faceset.name)
    loaded = trained.loaded
    masks = build_face_masks("hull", loaded.coverage, use_predicted=learned_mask)
    parts = default_parts(loaded.coverage, "cpu")
    parts = replace(parts, masks=masks, detail=DetailChain(DetailSettings()), occluders=())
    frame = Frame(sample.index, 0, 0.0, sample.image.copy())
    found = [(frame, [SourceFace(sample.landmarks)])]
    (swapped,) = Swapper(loaded, parts, to)(found, video=False)
    mask = swapped.faces[0].mask.squeeze().numpy().astype(np.float32)
    return sample, mask, swapped.frame.image


def _around(sample: Sample) -> tuple[slice, slice]:
    """Rows and columns of a frame around its face: a square, less what lies outside."""
    low, high = sample.landmarks.min(0), sample.landmarks.max(0)
    centre, reach = (low + high) / 2, _AROUND / 2 * (high - low).max()
    first, last = np.maximum(centre - reach, 0).astype(int), (centre + reach).astype(int)
    return slice(first[1], last[1]), slice(first[0], last[0])


def _array(faces: torch.Tensor) -> Pixels:
    return faces[0].permute(1, 2, 0).numpy()  # (1, 3, S, S) -> (S, S, 3)
