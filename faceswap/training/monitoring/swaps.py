"""Measures swaps between the held-out faces of a training's identities."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, product
from math import isfinite
from typing import NamedTuple

import numpy as np
import torch

from faceswap.core.errors import WeightsUnavailable
from faceswap.core.log import get_logger
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.crowd import without_crowd
from faceswap.models.inference import decode, resize
from faceswap.training.monitoring.face_judge import FaceJudge, SeenFace
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.shown_faces import ShownFaces
from faceswap.training.monitoring.swap_score import FEWEST, Likeness, SwapQuality, swap_quality

_log = get_logger(__name__)
_CHUNK = 16
_LEAST_SIDE = 48  # pixels of a face; landmarks of smaller ones say nothing
# Outputs of an evaluation, and of a direction: it takes seconds, whatever the number of identities.
# With more than five, only some directions are measured, the same ones each time.
_ALL, _MOST, _FEWEST = 192, 32, 8


class Direction(NamedTuple):
    """A swap: faces of one identity decoded as another.

    Attributes:
        source: Identity of the faces.
        target: Identity that they are decoded as.
    """

    source: str
    target: str


Swaps = dict[Direction, SwapQuality]
"""Quality of each direction."""


class SwapMeasurement:
    """Decodes held-out faces as the other identities and judges the result.

    The networks are loaded by the first measurement, and the held-out faces are seen once.

    Args:
        held_out: Held-out faces of each identity; their size is the larger of the model's input and
            output sizes.
        open_judge: Loads the networks; raises ``WeightsUnavailable`` without their weights.
        counts_identity: Whether the recognition network may judge: not if a loss was computed with
            it.
    """

    def __init__(
        self,
        held_out: Mapping[str, ShownFaces],
        open_judge: Callable[[], FaceJudge],
        *,
        counts_identity: bool,
    ) -> None:
        self._faces, self._open_judge = held_out, open_judge
        self._counts_identity = counts_identity
        self._judge: FaceJudge | None = None
        self._is_unavailable = False
        self._inputs: dict[str, list[SeenFace | None]] = {}

    @property
    def counts_identity(self) -> bool:
        """Whether the identity is part of the scores that were measured."""
        return self._counts_identity and (self._judge is None or self._judge.knows_identities)

    def measure(
        self,
        model: FaceAutoencoder,
        quality: Mapping[str, Quality],
        device: torch.device,
        bf16: bool,
    ) -> Swaps:
        """Quality of each direction in which enough held-out faces are found.

        Empty without the weights of the networks, which is logged once.

        Args:
            model: Model in evaluation mode.
            quality: Quality of its reconstructions of each identity.
            device: Device of the model.
            bf16: Whether to compute in bf16.
        """
        targets = [
            name
            for name in without_crowd(model.identities)
            if name in self._faces and isfinite(quality[name].ssim)
        ]
        directions = [Direction(*pair) for pair in product(self._faces, targets)]
        directions = _some([each for each in directions if each.source != each.target])
        judge = self._opened(model) if directions else None
        if judge is None:
            return {}
        seen = self._seen(judge, model, max(_FEWEST, min(_MOST, _ALL // len(directions))))
        found = {name: [face for face in faces if face] for name, faces in seen.items()}
        enough = {name for name, faces in found.items() if len(faces) >= FEWEST}
        likenesses = {
            name: Likeness.of(found[name])
            for name in targets
            if name in enough and judge.knows_identities
        }
        measured = {}
        for source, target in directions:
            if not {source, target} <= enough:
                continue
            outputs = self._outputs(judge, model, source, target, device, bf16)
            measured[Direction(source, target)] = swap_quality(
                seen[source],
                outputs,
                likenesses.get(target),
                quality[target].ssim,
                counts_identity=self.counts_identity,
            )
        return measured

    def _opened(self, model: FaceAutoencoder) -> FaceJudge | None:
        """The networks; None without their weights, or for a model of small faces."""
        if self._judge is None and not self._is_unavailable and model.full_size >= _LEAST_SIDE:
            try:
                self._judge = self._open_judge()
            except WeightsUnavailable as error:
                self._is_unavailable = True
                _log.warning(
                    "Swaps are not measured, and the best checkpoint is chosen by the "
                    "reconstructions alone: %s %s",
                    error.message,
                    error.hint,
                )
        return self._judge

    def _seen(
        self, judge: FaceJudge, model: FaceAutoencoder, most: int
    ) -> dict[str, list[SeenFace | None]]:
        if not self._inputs:
            self._faces = {name: faces.thinned(most) for name, faces in self._faces.items()}
            self._inputs = {
                name: judge.see(resize(faces.images[:, :3], model.full_size))
                for name, faces in self._faces.items()
            }
        return self._inputs

    def _outputs(
        self,
        judge: FaceJudge,
        model: FaceAutoencoder,
        source: str,
        target: str,
        device: torch.device,
        bf16: bool,
    ) -> list[SeenFace | None]:
        faces = self._faces[source]
        guides = faces.guides.get(target)
        outputs: list[SeenFace | None] = []
        for start in range(0, len(faces.images), _CHUNK):
            some = slice(start, start + _CHUNK)
            shown = None if guides is None else guides.of(some)
            chunk = faces.images[some, :3].to(device)
            decoded = decode(model, chunk, target, bf16, shown)
            outputs += judge.see(resize(decoded, model.full_size))
        return outputs


def _some(directions: Sequence[Direction]) -> list[Direction]:
    """Of too many directions, some in which all identities are about equally frequent."""
    most = _ALL // _FEWEST
    if len(directions) <= most:
        return list(directions)
    names = list(dict.fromkeys(chain.from_iterable(directions)))
    # Those of each distance in the list of names have every identity once on each side.
    rings = sorted(
        directions,
        key=lambda each: (names.index(each.target) - names.index(each.source)) % len(names),
    )
    some = rings[: max(most, len(names))]
    return [some[i] for i in np.linspace(0, len(some) - 1, most).astype(int)]
