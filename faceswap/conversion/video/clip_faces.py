"""The faces of a video by frame, with guides where the model needs them."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.assigned_faces import AssignedFaces
from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.guidance import ClipGuidance
from faceswap.conversion.faces.source_faces import (
    FramesWithFaces,
    SourceFace,
    check_source,
    displayed,
)
from faceswap.conversion.swap.swapper import Swapper
from faceswap.facesets.faceset import Faceset
from faceswap.maskers.appearance import Appearance
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource


class ClipFaces(AbstractContextManager["ClipFaces"]):
    """The faces of a video from its faceset.

    Args:
        faceset: Faceset of the video.
        hashed: The video.
        swapper: Swapper of the faces.
        assignment: Assignment of target identities to them.
        kept: Whether each face may be swapped, ``(N,)``; None for all whose crop was not deleted.

    Raises:
        FacesetError: The faceset was extracted from another source, or has no meshes.
        NoFacesError: The faceset has no face.
    """

    def __init__(
        self,
        faceset: Faceset,
        hashed: HashedSource,
        swapper: Swapper,
        assignment: Assignment,
        kept: NDArray[np.bool_] | None = None,
    ) -> None:
        self._faceset = faceset
        meshes, source = swapper.needs_mesh, hashed.source
        check_source(faceset, hashed)
        self._faces = AssignedFaces(faceset, source, assignment, kept=kept, meshes=meshes)
        with ExitStack() as stack:
            stack.enter_context(closing(self._faces))
            guided = swapper.guided
            self._clip = ClipGuidance(self._faces, swapper.guidance) if guided else None
            self._stack = stack.pop_all()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def of(self, frames: Iterable[Frame], known: Mapping[int, Appearance]) -> FramesWithFaces:
        """Frames with their faces.

        Args:
            frames: Frames of the video.
            known: Appearance of the face of each track that is known.
        """
        for frame in displayed(frames, self._faceset):
            clip, index = self._clip, frame.index
            faces = self._stored(index) if clip is None else clip.faces(index)
            yield frame, [replace(face, appearance=known.get(face.track)) for face in faces]

    def unguided(self, frames: Iterable[Frame]) -> FramesWithFaces:
        """Frames with their faces, which lack the guides of guided models."""
        for frame in displayed(frames, self._faceset):
            yield frame, self._stored(frame.index)

    def _stored(self, index: int) -> list[SourceFace]:
        return [self._faces.face(row) for row in self._faces.rows_of(index)]
