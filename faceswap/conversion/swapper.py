"""Swaps the faces of frames: cut, decode, mask, match colours, blend."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from faceswap.conversion.compositing import ArrayPicture, SwappedFace, composite
from faceswap.conversion.decoded_face import DecodedFace
from faceswap.conversion.face_cut import FaceCut, FaceCutter, Image, visible_part
from faceswap.conversion.faces import FramesWithFaces, SourceFace, batch_guides, find_faces
from faceswap.conversion.guidance import Guidance
from faceswap.conversion.guided_frames import guide_photos, guide_windows
from faceswap.conversion.swap_parts import SwapParts, default_parts
from faceswap.conversion.time_window import FrameFaces, steady_colours
from faceswap.core.device import supports_bf16
from faceswap.core.threads import operator_threads
from faceswap.media.frame import Frame
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.inference import resize
from faceswap.models.model_file import LoadedModel
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.tracker import Tracker

T = TypeVar("T")
R = TypeVar("R")

_FRAMES = 8  # that are swapped together
_PIXELS = 8 * 512**2  # of the faces that are decoded at once: their memory is bounded


@dataclass(frozen=True)
class SwappedFrame:
    """A frame and its swapped faces.

    Attributes:
        frame: The frame.
        faces: Swapped faces of the frame, in the order of the faces that were found.
    """

    frame: Frame
    faces: Sequence[SwappedFace]


class Swapper:
    """Swaps the faces of frames, each to its target identity.

    Args:
        loaded: Model, on the device to compute on.
        parts: Parts of the swap; None for those with default settings.
        to: Target identity of faces that have none; "" leaves them as they are.

    Attributes:
        loaded: Model.
        to: Target identity of faces that have none.
        parts: Parts of the swap.
        guided: Whether faces need guides of ``guidance``.
        lead: Number of frames before and after a part of a video that the faces in it depend on.

    Raises:
        IdentityError: The model was not trained on ``to``.
    """

    def __init__(self, loaded: LoadedModel, parts: SwapParts | None = None, to: str = "") -> None:
        if to:
            loaded.model.check_identity(to)
        self.loaded, self.to = loaded, to
        self._model = loaded.model
        self._device = next(loaded.model.parameters()).device
        self.parts = parts or default_parts(loaded.coverage, str(self._device))
        self.guided = isinstance(loaded.model, GuidedAutoencoder)
        self.lead = self.parts.smooth
        self._guidances: dict[str, Guidance] = {}
        model = loaded.model
        self._cut = FaceCutter(
            loaded.coverage, model.input_size, model.detail, scalable=self.guided
        )
        self._bf16 = supports_bf16(self._device)
        # Half of the cores: the others decode, track and encode at the same time.
        self._threads = max(1, torch.get_num_threads() // 2)

    @property
    def needs_mesh(self) -> bool:
        """Whether faces need meshes."""
        return self.guided or self.parts.masks.masker.needs_mesh

    def guidance(self, to: str) -> Guidance:
        """Guidance of a target identity, for guided models only.

        Raises:
            IdentityError: The model was not trained on ``to``.
            ModelFileError: The model has no references of ``to``.
        """
        if to not in self._guidances:
            assert isinstance(self._model, GuidedAutoencoder)
            self._guidances[to] = Guidance(self._model, to, self.loaded.coverage)
        return self._guidances[to]

    def swap(
        self,
        frames: Iterable[Image],
        to: str,
        *,
        video: bool = True,
        tracker: Tracker | None = None,
    ) -> Iterator[Image]:
        """Swaps all faces of frames that are in memory.

        Frames are read a few ahead and swapped in batches, so memory does not grow with their
        number. Guided models read up to 64 ahead: the face at rest of each track is taken from the
        first of these that show it, and reference crops are chosen for 48 frames at a time.
        ``faceswap convert`` knows the whole video, which is better.
        The results carry no provenance marks: mark what you publish as synthetic.

        Args:
            frames: Frames, ``(H, W, 3) uint8 RGB``; not modified.
            to: Identity whose face is shown.
            video: Whether the frames are consecutive: faces are tracked, and landmarks smoothed in
                time. Otherwise each frame is independent.
            tracker: Tracker of other detectors or landmarkers; None for the default ones on the
                device of the model.

        Yields:
            ``(H, W, 3) uint8 RGB``, one for each frame in the same order; a frame without a face is
            returned unchanged.

        Raises:
            IdentityError: The model has no identity ``to``.
            ConfigError: The model needs face meshes, and the landmarker gives none.
        """
        self._model.check_identity(to)
        numbered = (Frame(i, i, float(i), frame.copy()) for i, frame in enumerate(frames))
        kind = "video" if video else "images"
        tracker = tracker or build_tracker(device=str(self._device), batch=1)
        found = find_faces(numbered, kind, tracker)
        aimed = ((frame, [replace(face, to=to) for face in faces]) for frame, faces in found)
        if self.guided and video:
            aimed = guide_windows(aimed, self.guidance(to))
        elif self.guided:
            aimed = guide_photos(aimed, self.guidance)
        return (swapped.frame.image for swapped in self(aimed, video=video))

    def __call__(
        self,
        found: FramesWithFaces,
        *,
        video: bool = True,
        wanted: Container[int] | None = None,
    ) -> Iterator[SwappedFrame]:
        """Swaps the faces of frames in batches, and blends them into the frames in place.

        Args:
            found: Frames with their faces, which have guides if the model is guided. A part of a
                video begins ``lead`` frames before it, and ends as many after it.
            video: Whether the frames are consecutive.
            wanted: Indices of the frames of the part; None for all frames.

        Yields:
            The wanted frames, in order.
        """
        for swapped in self.unblended(found, video=video, wanted=wanted):
            with operator_threads(self._threads), torch.inference_mode():
                composite(ArrayPicture(swapped.frame.image), swapped.faces, self.parts.blend)
            yield swapped

    def unblended(
        self,
        found: FramesWithFaces,
        *,
        video: bool = True,
        wanted: Container[int] | None = None,
    ) -> Iterator[SwappedFrame]:
        """As ``__call__``, but the frames stay as they are."""
        decoded = self._decode_frames(found)
        steady = steady_colours(decoded, self.parts.smooth if video else 0)
        shown = (frame for frame in steady if wanted is None or frame[0].index in wanted)
        while batch := list(islice(shown, _FRAMES)):
            faces = [face for _, of_frame in batch for face in of_frame]
            with operator_threads(self._threads), torch.inference_mode():
                finished = iter(_in_groups(faces, lambda face: _key(face.cut), self._finish))
            for frame, faces in batch:
                yield SwappedFrame(frame, list(islice(finished, len(faces))))

    def _decode_frames(self, found: FramesWithFaces) -> Iterator[FrameFaces]:
        """Decodes the faces of frames, batch by batch."""
        waiting = ((frame, self._with_targets(faces)) for frame, faces in found)
        while batch := list(islice(waiting, _FRAMES)):
            with operator_threads(self._threads), torch.inference_mode():
                cuts = [
                    self._cut(frame.image, face, frame.pixel_aspect)
                    for frame, faces in batch
                    for face in faces
                ]
                decoded = iter(_in_groups(cuts, _key, self._decode))
            for frame, faces in batch:
                yield frame, list(islice(decoded, len(faces)))

    def _with_targets(self, faces: Sequence[SourceFace]) -> list[SourceFace]:
        """The faces that have a target identity."""
        named = [face if face.to else replace(face, to=self.to) for face in faces]
        return [face for face in named if face.to]

    def _decode(self, cuts: Sequence[FaceCut]) -> list[DecodedFace]:
        """Decodes faces of one target identity and one detail, and measures their colours."""
        detail, to = cuts[0].detail, cuts[0].face.to
        crops = [cut.crop for cut in cuts]
        guides, shown_meshes = None, None
        if self.guided:
            guides = batch_guides(cut.face for cut in cuts)
            shown_meshes = list((guides.shape.numpy() + 1) * self._model.input_size / 2 - 0.5)
            guides = guides.to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            decoded = self._model.swap(self._to_device(crops), to, guides, detail)
        masks = self.parts.masks(
            crops,
            [cut.landmarks for cut in cuts],
            [cut.mesh for cut in cuts],
            decoded.mask,
            shown_meshes,
        ).to(self._device)
        # Not the smaller crops: the contrast of a face depends on the resolution.
        targets = resize(self._to_device([cut.detailed for cut in cuts]), detail)
        side = masks.shape[-1]
        visible = torch.stack([visible_part(cut.matrix, cut.size, side) for cut in cuts])
        colours = self.parts.colour.measure(
            decoded.face, targets, masks * visible.to(self._device), masks, self.loaded.coverage
        )
        each = zip(cuts, decoded.face, targets, masks, colours, strict=True)
        return [DecodedFace(*face) for face in each]

    def _finish(self, faces: Sequence[DecodedFace]) -> list[SwappedFace]:
        """Faces of one detail with matched colours, ready to be blended."""
        images = torch.stack([face.image for face in faces])
        images = self.parts.colour.apply(images, torch.stack([face.colours for face in faces]))
        return [
            SwappedFace(face.cut.face, face.cut.matrix, image, face.mask * face.cut.face.opacity)
            for face, image in zip(faces, images, strict=True)
        ]

    def _to_device(self, crops: Sequence[Image]) -> Tensor:
        """``(B, 3, S, S) float32`` in [0, 1]."""
        return torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2).float() / 255


def _key(cut: FaceCut) -> tuple[str, int]:
    return cut.face.to, cut.detail


def _in_groups(
    items: Sequence[T],
    key: Callable[[T], tuple[str, int]],
    work: Callable[[Sequence[T]], Sequence[R]],
) -> list[R]:
    """Results of all items in their order; those of one key are worked on together.

    Args:
        items: The items.
        key: Target identity and detail of an item.
        work: Work on items of one key, as many at once as memory allows.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(key(item), []).append(place)
    results: dict[int, R] = {}
    for (_, detail), places in groups.items():
        most = max(1, _PIXELS // detail**2)
        for start in range(0, len(places), most):
            some = places[start : start + most]
            results |= zip(some, work([items[place] for place in some]), strict=True)
    return [results[place] for place in range(len(items))]
