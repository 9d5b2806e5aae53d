"""The faces of a video by frame, with guides where the model needs them."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from faceswap.conversion.assigned_faces import AssignedFaces
from faceswap.conversion.assignment import Assignment
from faceswap.conversion.face_store import FaceStore
from faceswap.conversion.faces import (
    FramesWithFaces,
    SourceFace,
    check_source,
    displayed,
    faces_of_frames,
    is_sparse,
)
from faceswap.conversion.frame_targets import assign_tracks
from faceswap.conversion.guidance import ClipGuidance
from faceswap.conversion.swapper import Swapper
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource
from faceswap.media.video import VideoReader


class ClipFaces(AbstractContextManager["ClipFaces"]):
    """The faces of a video from its faceset.

    Where the faceset has only every n-th frame, the faces between are tracked first.

    Args:
        faceset: Faceset of the video.
        hashed: The video.
        swapper: Swapper of the faces.
        assignment: Assignment of target identities to them.

    Raises:
        FacesetError: The faceset was extracted from another source, or has no meshes.
        NoFacesError: The faceset has no face.
    """

    def __init__(
        self, faceset: Faceset, hashed: HashedSource, swapper: Swapper, assignment: Assignment
    ) -> None:
        self._faceset = faceset
        self._clip: ClipGuidance | None = None
        self._known: Mapping[int, list[SourceFace]] = {}
        self._stack = ExitStack()
        meshes, source = swapper.needs_mesh, hashed.source
        check_source(faceset, hashed)
        if is_sparse(faceset):
            device = str(next(swapper.loaded.model.parameters()).device)
            frames = VideoReader(source.path)
            found = faces_of_frames(frames, faceset, hashed, device, meshes=meshes)
            found = assign_tracks(found, assignment, faceset, source)
            known = ((frame.index, [*faces]) for frame, faces in found)
        else:
            assigned = AssignedFaces(faceset, source, assignment, meshes=meshes)
            known = ((index, assigned.of_frame(index)) for index in assigned.frames())
        if not swapper.guided:
            self._known = dict(known)
            return
        store = self._stack.enter_context(FaceStore())
        for index, faces in known:
            store.add(index, faces)
        self._clip = ClipGuidance(store, swapper.guidance)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def of(self, frames: Iterable[Frame]) -> FramesWithFaces:
        """Frames with their faces."""
        for frame in displayed(frames, self._faceset):
            clip = self._clip
            faces = self._known.get(frame.index, []) if clip is None else clip.faces(frame.index)
            yield frame, faces
