"""The parts of a swap, each of which can be replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import FunctionType
from typing import Any, Protocol

from torch import Tensor

from faceswap.conversion.colour.match import STEADY, ColourMatch
from faceswap.conversion.detail.chain import MATCHED, DetailChain, DetailSettings
from faceswap.conversion.faces.source_faces import FramesWithFaces
from faceswap.conversion.masks.covering_hands import build_covering_hands
from faceswap.conversion.masks.face_masks import FacesToMask, build_face_masks
from faceswap.conversion.swap.blending import Blend, pyramid
from faceswap.conversion.swap.placement import Placement
from faceswap.core.errors import ConfigError
from faceswap.maskers import Masker


class MaskPart(Protocol):
    """Makes the soft masks of faces to replace; see ``FaceMasks``.

    Attributes:
        masker: Masker of the frame's own faces.
    """

    masker: Masker

    @property
    def facts(self) -> Mapping[str, Any]:
        """Settings that the masks depend on, as JSON values."""
        ...

    def __call__(self, faces: FacesToMask) -> Tensor:
        """Soft masks, ``(B, 1, M, M) float32`` in [0, 1]."""
        ...


class OccluderPart(Protocol):
    """Finds what hides faces; see ``CoveringHands`` and ``CoveringObjects``.

    Attributes:
        lead: Number of frames before and after each that the result depends on.
        compares: Whether faces are compared with their appearance at other times of the video.
    """

    lead: int
    compares: bool

    @property
    def facts(self) -> Mapping[str, Any]:
        """Settings and weights that the result depends on, as JSON values."""
        ...

    def __call__(self, found: FramesWithFaces, *, video: bool = True) -> FramesWithFaces:
        """Yields frames with their faces, which know what else hides them."""
        ...


class ColourPart(Protocol):
    """Matches the colours of swapped faces to those of the frame; see ``ColourMatch``."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Settings that the colours depend on, as JSON values."""
        ...

    def measure(
        self, faces: Tensor, targets: Tensor, weights: Tensor, masks: Tensor, coverage: float
    ) -> Tensor:
        """Parameters, ``(B, P) float32``."""
        ...

    def average(self, parameters: Tensor, offsets: Sequence[int], radius: int) -> Tensor:
        """Parameters of a face that are steady over its track.

        Args:
            parameters: Parameters in the frames around the present one, which is among them,
                ``(N, P)``. Columns behind those that were measured are averaged.
            offsets: Frame of each, relative to the present one.
            radius: Number of frames on each side that count.
        """
        ...

    def apply(self, faces: Tensor, parameters: Tensor) -> Tensor:
        """Faces with matched colours, ``(B, 3, S, S)``."""
        ...


@dataclass(frozen=True)
class SwapParts:
    """The parts of a swap.

    Attributes:
        masks: Masks of the faces to replace.
        colour: Colours of the swapped faces.
        detail: Detail of the swapped faces, as the footage has it.
        placement: Change of their place.
        blend: Blend of faces with the frame.
        clean: Whether the frame stays where a face shows hair or background at its border.
        occluders: Finders of what hides the faces of the frame, one after the other.
        smooth: Number of frames before and after each over which colours are averaged in a video.
        morph: Fraction of the channels of the target identity, for models with a morph factor
            only; None for all.
        facts: Settings from which the parts were built.
    """

    masks: MaskPart
    colour: ColourPart = field(default_factory=ColourMatch)
    detail: DetailChain = field(default_factory=lambda: DetailChain(DetailSettings()))
    placement: Placement = field(default_factory=Placement)
    blend: Blend = pyramid
    clean: bool = False
    occluders: Sequence[OccluderPart] = ()
    smooth: int = 0
    morph: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def compares(self) -> bool:
        """Whether faces are compared with their appearance at other times of the video."""
        return any(each.compares for each in self.occluders)

    def record(self) -> dict[str, Any]:
        """All that the result depends on, for its manifest: the settings, and what each part is.

        A part of another kind, and one that has other ``facts``, is another part. A blend is known
        by its name.

        Raises:
            ConfigError: A part has no ``facts``: conversions that differ by its settings could not
                be told apart.
        """
        named = {
            each.name: _described(getattr(self, each.name))
            for each in fields(self)
            if each.name != "facts"
        }
        return {**self.facts, "parts": named}


def _described(part: object) -> Any:
    """A part as a JSON value: its name, and its facts if it is no function."""
    if part is None or isinstance(part, int | float):
        return part
    if isinstance(part, (list, tuple)):
        return [_described(each) for each in part]
    if isinstance(part, Placement):
        return asdict(part)
    if isinstance(part, FunctionType):
        return {"name": _name(part)}
    facts = getattr(part, "facts", None)
    if facts is None:
        raise ConfigError(
            f"Expected an attribute `facts` of the part {_name(type(part))}, found none.",
            "Give it a dict of its settings, as JSON values; an empty one if it has none.",
        )
    return {"name": _name(type(part)), **facts}


def _name(kind: FunctionType | type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def default_parts(coverage: float, device: str) -> SwapParts:
    """Parts with default settings.

    Args:
        coverage: Side of the model's crops in face squares.
        device: Device to compute on.
    """
    hands = build_covering_hands(coverage, device)
    masks = build_face_masks("hull", coverage, device)
    detail = DetailChain(DetailSettings(grain=MATCHED), device=device)
    return SwapParts(masks, detail=detail, smooth=STEADY, occluders=[hands])
