"""Swaps the faces of frames: cut, decode, mask, match colours, blend."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch

from faceswap.conversion.faces.guidance import Guidance
from faceswap.conversion.faces.guided_frames import guide_photos, guide_windows
from faceswap.conversion.faces.source_faces import FramesWithFaces, SourceFace, find_faces
from faceswap.conversion.swap.compositing import SwappedFace, composite
from faceswap.conversion.swap.face_cut import FaceCut, FaceCutter
from faceswap.conversion.swap.face_decoder import FaceDecoder
from faceswap.conversion.swap.face_finisher import FaceFinisher, finished_sides
from faceswap.conversion.swap.grouping import batch_size, in_groups
from faceswap.conversion.swap.parts import SwapParts, default_parts
from faceswap.conversion.swap.time_window import FrameFaces, look_around
from faceswap.core.device import supports_bf16
from faceswap.core.threads import operator_threads
from faceswap.media.frame import Frame, Image
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.model_file import LoadedModel
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.tracker import Tracker


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
        threads: Number of CPU threads of its operators.
        lead: Number of frames before and after a part of a video that the faces in it depend on.

    Raises:
        IdentityError: The model was not trained on ``to``.
        ConfigError: The parts have a morph factor, and the model has none.
    """

    def __init__(self, loaded: LoadedModel, parts: SwapParts | None = None, to: str = "") -> None:
        if to:
            loaded.check_target(to)
        self.loaded, self.to = loaded, to
        self._model = loaded.model
        self._device = next(loaded.model.parameters()).device
        self.parts = parts or default_parts(loaded.coverage, str(self._device))
        self.guided = isinstance(loaded.model, GuidedAutoencoder)
        moving = self.parts.detail.settings.motion_blur > 0
        self._around = max(self.parts.smooth, int(moving))
        self.lead = self._around + sum(each.lead for each in self.parts.occluders)
        self._guidances: dict[str, Guidance] = {}
        model = loaded.model
        self._cut = FaceCutter(
            loaded.coverage,
            model.input_size,
            model.detail,
            scalable=self.guided,
            full=self.parts.detail.enhances,
        )
        self._decode = FaceDecoder(loaded, self.parts)
        self._finish = FaceFinisher(loaded, self.parts)
        self._size = batch_size(self._device.type)
        # Half of the cores: the others decode, track and encode at the same time.
        self.threads = max(1, torch.get_num_threads() // 2)

    @property
    def arithmetic(self) -> str:
        """Type of the device and precision on it, for example ``cuda bf16``."""
        precision = "bf16" if supports_bf16(self._device) else "fp32"
        return f"{self._device.type} {precision}"

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
        self.loaded.check_target(to)
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

        Returns:
            The wanted frames, in order.
        """
        return self.blended(self.decode(found, video=video, wanted=wanted))

    def decode(
        self,
        found: FramesWithFaces,
        *,
        video: bool = True,
        wanted: Container[int] | None = None,
    ) -> Iterator[FrameFaces]:
        """The first half of ``__call__``: decodes the faces of frames, and measures their colours.

        Args:
            found: Frames with their faces, as for ``__call__``.
            video: Whether the frames are consecutive.
            wanted: Indices of the frames of the part; None for all frames.

        Yields:
            The wanted frames, as they are, with their decoded faces: for ``blended`` or
            ``unblended``, which may run in another thread.
        """
        around = self._around if video else 0
        aimed = ((frame, self._with_targets(faces)) for frame, faces in found)
        for occluders in self.parts.occluders:
            aimed = occluders(aimed, video=video)
        if wanted is not None:
            aimed = (each for each in aimed if _is_near(each[0].index, wanted, around))
        decoded = self._decode_frames(aimed)
        if around:
            decoded = look_around(decoded, self.parts.smooth, around, self.parts.colour.average)
        return (frame for frame in decoded if wanted is None or frame[0].index in wanted)

    def blended(self, decoded: Iterable[FrameFaces]) -> Iterator[SwappedFrame]:
        """Blends the faces of ``decode`` into their frames in batches, in place."""
        swapped = self.unblended(decoded)
        while batch := list(islice(swapped, self._size.frames)):
            with operator_threads(self.threads):
                for each in batch:
                    self.blend(each)
            yield from batch

    def blend(self, swapped: SwappedFrame) -> None:
        """Blends the faces of a frame of ``unblended`` into it, in place."""
        with operator_threads(self.threads), torch.inference_mode():
            composite(swapped.frame.picture, swapped.faces, self.parts.blend, self.parts.detail)

    def unblended(self, decoded: Iterable[FrameFaces]) -> Iterator[SwappedFrame]:
        """As ``blended``, but the frames stay as they are."""
        waiting = iter(decoded)
        while batch := list(islice(waiting, self._size.frames)):
            faces = [face for _, of_frame in batch for face in of_frame]
            with operator_threads(self.threads), torch.inference_mode():
                finished = iter(in_groups(faces, finished_sides, self._finish, self._size.pixels))
            for frame, faces in batch:
                yield SwappedFrame(frame, list(islice(finished, len(faces))))

    def _decode_frames(self, found: FramesWithFaces) -> Iterator[FrameFaces]:
        """Decodes the faces of frames, batch by batch."""
        waiting = iter(found)
        while batch := list(islice(waiting, self._size.frames)):
            with operator_threads(self.threads), torch.inference_mode():
                cuts = [cut for frame, faces in batch for cut in self._cut(frame, faces)]
                decoded = iter(in_groups(cuts, _detail, self._decode, self._size.pixels))
            for frame, faces in batch:
                yield frame, list(islice(decoded, len(faces)))

    def _with_targets(self, faces: Sequence[SourceFace]) -> list[SourceFace]:
        """The faces that have a target identity."""
        named = [face if face.to else replace(face, to=self.to) for face in faces]
        return [face for face in named if face.to]


def _is_near(index: int, wanted: Container[int], radius: int) -> bool:
    """Whether one of the wanted frames is at most ``radius`` frames away."""
    return any(near in wanted for near in range(index - radius, index + radius + 1))


def _detail(cut: FaceCut) -> tuple[int, tuple[int, str]]:
    """Side of the swapped face, side of the detailed crop, and target identity."""
    return cut.detail, (len(cut.detailed), cut.face.to)
