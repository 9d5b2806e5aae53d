"""Warps references, and applies the corrections of a decoder to them at any size."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.core.area import area_mean
from faceswap.geometry.mesh_shape import FACE_POINTS
from faceswap.models.anchored.decoder import Corrections
from faceswap.models.anchored.mesh_warp import mesh_warp, refine_warp, resize_places
from faceswap.models.anchored.regions import FINE_POINTS, openings, upper_half
from faceswap.models.guides import SLOTS, Guides

_WARP_SIDE = 32
_FINE_SIDE = 64
COARSE = 4
"""Side of the grid of coarse colours."""
_LARGEST_FLOW = 0.08  # in normalised coordinates
_GATE = -2.0  # logit of a new gate
_STRONGEST = 0.7  # logarithm of the largest gain
# Light is mostly a gain. With a large offset, training lowers contrast wherever it is uncertain.
_LARGEST_OFFSET = 0.06
_DISAGREEMENT = 6.0
_LARGE, _UNEVEN, _GATED = 0.002, 0.02, 0.1  # weights of the regularisation


class Geometry(NamedTuple):
    """Geometry of a batch, computed once.

    Attributes:
        places: Sampled places of the references, ``(B, SLOTS, 2, g, g)`` in normalised coordinates.
        upper: Weight of the upper half of the face, ``(B, 1, s / 4, s / 4)``.
        openings: Inside of eyes and mouth, ``(B, 1, s / 4, s / 4)``.
        weights: Weight of each reference before the correction, ``(B, SLOTS, s / 4, s / 4)``; those
            of a place add up to 1.
    """

    places: Tensor
    upper: Tensor
    openings: Tensor
    weights: Tensor


def geometry(guides: Guides, meshes: Tensor, size: int) -> Geometry:
    """Geometry of a batch.

    Args:
        guides: Geometry to show and references of each face, ``(B, ...)``.
        meshes: Meshes of all references, ``(R, 478, 2)``.
        size: Side s of the faces that the network sees.
    """
    shown, seen = guides.shape, meshes[guides.references]
    places = mesh_warp(shown[:, :FACE_POINTS], seen[:, :, :FACE_POINTS], _WARP_SIDE)
    places = resize_places(places.flatten(0, 1), _FINE_SIDE).unflatten(0, places.shape[:2])
    places = refine_warp(places, shown[:, FINE_POINTS], seen[:, :, FINE_POINTS])
    upper = upper_half(guides.shape, size // 4)
    each = upper.expand(-1, SLOTS // 2, -1, -1)
    halves = torch.cat([each, 1 - each], 1)
    weights = halves * guides.weights[:, :, None, None]
    return Geometry(places, upper, openings(guides.shape, size // 4), weights)


class SlotRows(NamedTuple):
    """Where the reference of a slot has weight.

    Attributes:
        faces: Faces of the batch in which it has, ``(N,) int64``.
        top: First row, as a fraction of the height.
        bottom: End of the rows, as a fraction of the height.
    """

    faces: Tensor
    top: float
    bottom: float


def rows_with_weight(weights: Tensor, parts: int = 0) -> list[SlotRows]:
    """Where the references of each slot have weight, with a row more on each side.

    Args:
        weights: Weight of each reference, ``(B, SLOTS, g, g)``.
        parts: Number of equal parts of the height that are taken as a whole; 0 takes single rows.
    """
    used = (weights.amax(3) > 0).cpu()  # (B, SLOTS, g)
    side, found = used.shape[2], []
    unit = side // parts if parts else 1
    for slot in used.unbind(1):
        rows = slot.any(0).nonzero().flatten().tolist() or [0]
        top, bottom = max(0, rows[0] - 1), min(side, rows[-1] + 2)
        top, bottom = top // unit * unit, -(-bottom // unit) * unit
        faces = slot.any(1).nonzero().flatten().to(weights.device)
        found.append(SlotRows(faces, top / side, bottom / side))
    return found


def sample_rows(
    images: Tensor, references: Tensor, places: Tensor, mode: str, rows: Sequence[SlotRows]
) -> Tensor:
    """Samples the references of a batch where they have weight; as ``sample``, and 0 elsewhere."""
    size = images.shape[-1]
    sampled = torch.zeros(len(references), len(rows), 4, size, size, device=places.device)
    for slot, (faces, top, bottom) in enumerate(rows):
        if not len(faces):
            continue
        part = slice(round(top * size), round(bottom * size))
        grid = resize_places(places[faces, slot], size)[:, :, part].permute(0, 2, 3, 1)
        chosen = images[references[faces, slot]].float().mul_(1 / 255)
        seen = F.grid_sample(chosen, grid, mode=mode, padding_mode="border", align_corners=False)
        sampled[faces, slot, :, part] = seen
    return sampled


def sample(images: Tensor, references: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """Samples the references of a batch.

    Args:
        images: Crops and masks of all references, ``(R, 4, D, D) uint8``.
        references: References of each face, ``(B, SLOTS)``.
        places: Sampled places, ``(B, SLOTS, 2, g, g)`` in normalised coordinates.
        mode: Interpolation: bilinear, or bicubic, which is slower and sharper.

    Returns:
        ``(B, SLOTS, 4, D, D) float32`` in [0, 1].
    """
    grid = resize_places(places.flatten(0, 1), images.shape[-1]).permute(0, 2, 3, 1)
    chosen = images[references.flatten()].float().mul_(1 / 255)
    sampled = F.grid_sample(chosen, grid, mode=mode, padding_mode="border", align_corners=False)
    return sampled.unflatten(0, references.shape)


def equalise(seen: Tensor, upper: Tensor, weights: Tensor) -> Tensor:
    """Offsets that give all references of a face the same mean colour across the nose.

    Args:
        seen: Warped references, ``(B, SLOTS, 4, s, s)``.
        upper: Weight of the upper half, ``(B, 1, g, g)``.
        weights: ``Guides.weights``.

    Returns:
        ``(B, SLOTS, 3, 1, 1)``.
    """
    small = area_mean(seen.flatten(0, 1), upper.shape[-1]).unflatten(0, seen.shape[:2])
    band = (upper * (1 - upper) * 4)[:, None] * small[:, :, 3:] + 1e-6
    means = (small[:, :, :3] * band).sum((3, 4)) / band.sum((3, 4))
    fraction = (weights / weights.sum(1, keepdim=True))[..., None]
    return ((means * fraction).sum(1, keepdim=True) - means)[..., None, None]


def coarse_colours(faces: Tensor, seen: Tensor, known: Geometry) -> Tensor:
    """Colours of encoded faces and blended references on a coarse grid, ``(B, 6, 4, 4)``.

    They tell a decoder the light of the frame, which a code would have to learn. At this size they
    hold nothing of a person's features.

    Args:
        faces: Encoded faces, ``(B, 3, s, s)``.
        seen: Warped references, ``(B, SLOTS, 4, s, s)``.
        known: Geometry of the batch.
    """
    weights = area_mean(known.weights, COARSE)[:, :, None]
    small = area_mean(seen[:, :, :3].flatten(0, 1), COARSE)
    references = (small.unflatten(0, seen.shape[:2]) * weights).sum(1)
    return 4 * (torch.cat([area_mean(faces, COARSE), references], 1) - 0.5)


def compose(
    seen: Tensor, corrections: Corrections, known: Geometry, offsets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Face, mask and gate from references that are sampled with the corrected flow.

    Args:
        seen: Sampled references, ``(B, SLOTS, 4, D, D)``.
        corrections: Corrections of the decoder.
        known: Geometry of the batch.
        offsets: Result of ``equalise``.

    Returns:
        ``(B, 3, D, D)`` face, ``(B, 1, D, D)`` mask and ``(B, 1, s, s)`` weight of the residual, in
        [0, 1].
    """
    size = seen.shape[-1]
    # A reference without weight stays without, so that it may be exchanged at any time.
    logits = known.weights.log() + corrections.weights.float()
    weights = resize(logits.softmax(1), size)
    blended = _blend(seen, weights)
    colours = offsets.flatten(2).transpose(1, 2) @ weights.flatten(2)
    face = blended[:, :3] + colours.unflatten(2, (size, size))
    # The curves are smooth at the resolution of the network already.
    light = torch.tanh(resize(corrections.light.float(), corrections.gate.shape[-1]))
    gain, offset = light.split(3, 1)
    face = face * resize((_STRONGEST * gain).exp(), size) + resize(_LARGEST_OFFSET * offset, size)
    gate = torch.sigmoid(corrections.gate.float() + _GATE) * _allowed(
        seen, known, offsets, corrections.gate.shape[-1]
    )
    face = face + resize(gate * torch.tanh(corrections.residual.float()), size)
    mask = torch.logit(blended[:, 3:].clamp(0.02, 0.98)) + resize(corrections.mask.float(), size)
    return face.clamp(0, 1), torch.sigmoid(mask), gate


def _blend(images: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum ``(B, C, D, D)`` of ``(B, K, C, D, D)`` images, without their products."""
    blended = images[:, 0] * weights[:, :1]
    for number in range(1, images.shape[1]):
        blended = blended.addcmul_(images[:, number], weights[:, number : number + 1])
    return blended


def displaced(known: Geometry, corrections: Corrections) -> Tensor:
    """Where to sample the references with the corrected flow, ``(B, SLOTS, 2, g, g)``."""
    flow = _LARGEST_FLOW * torch.tanh(corrections.flow.float())
    fine = resize(flow.flatten(0, 1), known.places.shape[-1])
    return known.places + fine.unflatten(0, flow.shape[:2])


def regularisation(corrections: Corrections, gate: Tensor) -> Tensor:
    """Penalty of each face, ``(B,)``: large or uneven flows, and much of the residual."""
    flow = torch.tanh(corrections.flow.float())
    uneven = sum(flow.diff(dim=axis).abs().mean((1, 2, 3, 4)) for axis in (3, 4))
    large = flow.abs().mean((1, 2, 3, 4))
    return _LARGE * large + _UNEVEN * uneven + _GATED * gate.mean((1, 2, 3))


def resize(values: Tensor, size: int) -> Tensor:
    """Resizes ``(B, C, s, s)`` to ``(B, C, size, size)`` bilinearly."""
    if values.shape[-1] == size:
        return values
    return F.interpolate(values, (size, size), mode="bilinear", align_corners=False)


def _allowed(seen: Tensor, known: Geometry, offsets: Tensor, size: int) -> Tensor:
    """Where the residual may show: in eyes and mouth, and where references disagree.

    Returns:
        ``(B, 1, size, size)`` in [0, 1].
    """
    side = known.openings.shape[-1]
    small = area_mean(seen[:, :, :3].detach().flatten(0, 1), side)
    small = small.unflatten(0, seen.shape[:2]) + offsets
    weights = known.weights[:, :, None]
    mean = (small * weights).sum(1, keepdim=True)
    apart = ((small - mean).abs() * weights).sum(1).amax(1, keepdim=True)
    disagree = (_DISAGREEMENT * apart - 0.1).clamp(0, 1)
    return resize(torch.maximum(known.openings, disagree), size)
