"""Converts one source: decode, find the faces, swap them, encode.

The stages run concurrently with bounded queues between them: memory use does not depend on the
length of the input, and frames keep their order. A guided model needs to know all faces of a video
before the first is swapped: a first pass finds them, and the second decodes the video again.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

from faceswap.conversion.assigned_faces import AssignedFaces
from faceswap.conversion.assignment import Assignment
from faceswap.conversion.description import describe_faces, describe_targets
from faceswap.conversion.earlier import Earlier, find_earlier
from faceswap.conversion.face_store import FaceStore
from faceswap.conversion.faces import (
    FramesWithFaces,
    check_source,
    faces_of_frames,
    find_faces,
    is_sparse,
)
from faceswap.conversion.frame_targets import assign_all, assign_photos, assign_tracks
from faceswap.conversion.guidance import ClipGuidance
from faceswap.conversion.guided_frames import guide_photos
from faceswap.conversion.outputs import Outputs, name_outputs
from faceswap.conversion.report import ConvertReport, write_report
from faceswap.conversion.swapper import Swapper
from faceswap.conversion.targets import Targets
from faceswap.conversion.writing import Counts, no_faces, write_photos, write_video
from faceswap.core.errors import NoFacesError
from faceswap.core.outputs import check_outputs, is_taken
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.media.encoders import VideoEncoding
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.photos import ImageReader
from faceswap.media.sources import Source, open_source
from faceswap.media.video import VideoReader
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.signing import ManifestSigner
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.tracker import Tracker

_QUEUE = 8


@dataclass(frozen=True)
class EncodeSettings:
    """Encoding of converted video and photos.

    Attributes:
        video: Encoder of videos and its settings.
        quality: JPEG quality of converted photos, 1 to 100.
        deinterlace: Whether interlaced video is deinterlaced.
    """

    video: VideoEncoding = field(default_factory=VideoEncoding)
    quality: int = 95
    deinterlace: bool = False


@dataclass(frozen=True)
class ConvertJob:
    """The conversion of one source, with everything that its result depends on.

    Attributes:
        source: Video or photos to convert.
        outputs: Names of the outputs.
        swapper: Swapper, with model and settings.
        faces: Faceset of the source, or new tracker to detect faces during conversion.
        encode: Encoding settings.
        identity: Signing identity.
        aims: Target identities of the faces; None for that of the swapper for all faces.
    """

    source: Source
    outputs: Outputs
    swapper: Swapper
    faces: Faceset | Tracker
    encode: EncodeSettings
    identity: SigningIdentity
    aims: Targets | None = None

    @property
    def targets(self) -> Targets:
        """Target identities of the faces."""
        return self.aims or Targets.everyone(self.swapper.to)

    @cached_property
    def conversion(self) -> Conversion:
        """Content of the manifests."""
        settings = {
            **self.swapper.parts.facts,
            "faces": describe_faces(self.faces),
            "encoding": asdict(self.encode),
        }
        return describe_targets(self.swapper.loaded, self.targets, settings)

    @property
    def passes(self) -> int:
        """How often all frames are decoded, and each is reported to ``on_frames``."""
        guided, video = self.swapper.guided, self.source.kind == "video"
        known = isinstance(self.faces, Faceset) and not is_sparse(self.faces)
        return 2 if guided and video and not known else 1

    def look(self) -> Earlier | None:
        """Looks at every name that will be written; call it before the work starts.

        Returns:
            What an identical conversion left; None if nothing has one of the names.

        Raises:
            OutputExistsError: Something exists that an identical conversion did not make.
            OutputError: A name is too long, lies in a file, or is used twice.
        """
        check_outputs(self.outputs.names(), overwrite=True)
        if not any(map(is_taken, self.outputs.names())):
            return None
        return self._find_earlier(hash_source(self.source))

    def run(
        self,
        looked: Earlier | None = None,
        *,
        overwrite: bool = False,
        on_frames: Callable[[int], None] = lambda _: None,
    ) -> ConvertReport:
        """Converts the source, unless an identical conversion is complete; see ``convert_source``.

        Photos that an identical conversion wrote before it was interrupted are kept. What ``look``
        found is not read again, unless it changed.
        """
        begun = time.monotonic()
        check_outputs(self.outputs.names(), overwrite=True)
        with self.outputs.hold():
            earlier = self._begin(looked, overwrite)
            hashed = earlier.hashed
            if earlier.report is not None:
                return earlier.report
            assignment = Assignment(self.targets, self.source.name)
            try:
                report = self._convert(hashed, assignment, earlier.swapped, on_frames)
            except NoFacesError:
                assignment.check()  # there may be faces, and others be meant
                raise
            report = replace(report, seconds=time.monotonic() - begun)
            report = replace(report, assigned=assignment.record())
            write_report(report, self.outputs, hashed, self.swapper, self.conversion, self.identity)
            return report

    def _begin(self, looked: Earlier | None, overwrite: bool) -> Earlier:
        """Hashes the source and looks at the outputs, where this is not done yet."""
        if looked is None:
            hashed = hash_source(self.source)
        else:
            hashed = looked.hashed
            hashed.check()
        if overwrite:
            return Earlier(hashed)
        if looked is not None and looked.is_current(self.outputs):
            return looked
        return self._find_earlier(hashed)

    def _find_earlier(self, hashed: HashedSource) -> Earlier:
        return find_earlier(self.outputs, hashed, self.conversion, self.identity)

    def _convert(
        self,
        hashed: HashedSource,
        assignment: Assignment,
        finished: Mapping[int, int],
        on_frames: Callable[[int], None],
    ) -> ConvertReport:
        video = self.source.kind == "video"
        reader = self._reader()
        # Those of the whole video are known when it is signed.
        shown = (lambda: assignment.shown) if video else None
        signer = ManifestSigner(self.identity, self.conversion, shown)
        counts = Counts({} if video else finished)
        with ExitStack() as stack:
            clip = None
            if video and self.swapper.guided:
                store = stack.enter_context(FaceStore())
                self._store_faces(store, hashed, assignment, on_frames)
                clip = ClipGuidance(store, self.swapper.guidance)
            on_frames(counts.frames)
            frames = (
                frame for frame in prefetch(reader, _QUEUE) if video or frame.index not in finished
            )
            found = self._find_faces(frames, hashed, assignment, clip)
            swapped = self.swapper(prefetch(found, _QUEUE), video=video)
            waiting = stack.enter_context(closing(prefetch(swapped, _QUEUE)))
            pairs = ((done.frame, len(done.faces)) for done in waiting)
            counted = counts.watch(pairs, on_frames)
            if isinstance(reader, VideoReader):
                encoding, written = self.encode.video, (0,)
                notes = write_video(counted, counts, self.outputs, hashed, reader, encoding, signer)
            else:
                quality = self.encode.quality
                written, notes = write_photos(
                    counted, counts, self.outputs, hashed, reader, finished, quality, signer
                )
        notes = (*notes, *assignment.notes())
        return ConvertReport(
            output=self.outputs.path,
            files=tuple(self.outputs.files[index] for index in written),
            frames=counts.frames,
            frames_swapped=counts.frames_swapped,
            faces_swapped=counts.faces_swapped,
            seconds=0.0,
            frames_now=counts.frames_now,
            damage=reader.damage or "",
            notes=notes,
        )

    def _reader(self) -> VideoReader | ImageReader:
        if self.source.kind == "images":
            return ImageReader(self.source.files, full_depth=True)
        return VideoReader(self.source.path, full_depth=True, deinterlace=self.encode.deinterlace)

    def _store_faces(
        self,
        store: FaceStore,
        hashed: HashedSource,
        assignment: Assignment,
        on_frames: Callable[[int], None],
    ) -> None:
        """The first pass over a video: all its faces."""
        if isinstance(self.faces, Faceset) and not is_sparse(self.faces):
            assigned = self._assigned_faces(self.faces, hashed, assignment)
            for index in assigned.frames():
                store.add(index, assigned.of_frame(index))
            return
        reader, frames = open_source(self.source), 0
        found = self._faces_of(prefetch(reader, _QUEUE), hashed, assignment)
        with closing(prefetch(found, _QUEUE)) as waiting:
            for frame, faces in waiting:
                store.add(frame.index, faces)
                frames += 1
                on_frames(1)
        if not len(store):
            raise no_faces(self.source.path, frames, reader)

    def _find_faces(
        self,
        frames: Iterator[Frame],
        hashed: HashedSource,
        assignment: Assignment,
        clip: ClipGuidance | None,
    ) -> FramesWithFaces:
        """Frames with their faces, which have guides where the model needs them."""
        if clip is not None:
            return ((frame, clip.faces(frame.index)) for frame in self._displayed(frames))
        found = self._faces_of(frames, hashed, assignment)
        return guide_photos(found, self.swapper.guidance) if self.swapper.guided else found

    def _faces_of(
        self, frames: Iterator[Frame], hashed: HashedSource, assignment: Assignment
    ) -> FramesWithFaces:
        """Frames with their faces: those of the faceset, those that are found, or both."""
        faces, video = self.faces, self.source.kind == "video"
        if not isinstance(faces, Faceset):
            found = find_faces(frames, self.source.kind, faces)
            if video:
                return assign_all(found, assignment)
            return assign_photos(found, assignment)
        frames = self._displayed(frames)
        if video and not is_sparse(faces):
            assigned = self._assigned_faces(faces, hashed, assignment)
            return ((frame, assigned.of_frame(frame.index)) for frame in frames)
        meshes = self.swapper.needs_mesh
        device = str(next(self.swapper.loaded.model.parameters()).device)
        found = faces_of_frames(frames, faces, hashed, device, meshes=meshes)
        if video:
            return assign_tracks(found, assignment, faces, self.source)
        return assign_photos(found, assignment, faces)

    def _assigned_faces(
        self, faceset: Faceset, hashed: HashedSource, assignment: Assignment
    ) -> AssignedFaces:
        check_source(faceset, hashed)
        meshes = self.swapper.needs_mesh
        return AssignedFaces(faceset, self.source, assignment, meshes=meshes)

    def _displayed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Frames with the proportions of pixels in which the landmarks of the faceset are."""
        if not isinstance(self.faces, Faceset):
            return frames
        aspect = self.faces.pixel_aspect
        return (replace(frame, pixel_aspect=aspect) for frame in frames)


def convert_source(
    source: Source,
    output: Path,
    swapper: Swapper,
    *,
    targets: Targets | None = None,
    faceset: Faceset | None = None,
    tracker: Tracker | None = None,
    encode: EncodeSettings | None = None,
    identity: SigningIdentity | None = None,
    overwrite: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ConvertReport:
    """Swaps the faces of a video or of photos, and writes and signs the result and its report.

    An identical conversion that is complete is kept; one that was interrupted keeps its photos.
    Guided models need face meshes. They find the faces of a whole video before they swap them, and
    keep them in a temporary file: 0.6 gigabytes for an hour of one face.

    Args:
        source: Video or photos to convert.
        output: File for a video, folder for photos. A video appears there only when it is complete.
        swapper: Swapper, with model and settings.
        targets: Target identities of the faces; None for that of the swapper for all faces.
        faceset: Faceset of the source; None to detect faces during conversion.
        tracker: New tracker for detection without a faceset; None for the default.
        encode: Encoding settings; None for the defaults.
        identity: Signing identity; None for the local identity, created on first use.
        overwrite: Whether to replace whatever exists under the names of the outputs.
        on_frames: Callback with the number of frames processed since the last call, in each of
            ``ConvertJob.passes``.

    Raises:
        ConfigError: The model or the masker needs face meshes, and the landmarker gives none.
        ProvenanceError: The output cannot be signed; nothing is written.
        FacesetError: The faceset was extracted from another source.
        NoFacesError: No face was found; nothing is written.
        MediaError: The source cannot be read or the output cannot be written.
        SourceChangedError: The source changed while it was read; the file that was being made is
            not written.
        OutputBusyError: Another process writes the output.
        OutputExistsError: Something exists that an identical conversion did not make.
        OutputError: A name is longer than the file system allows, or lies in a file; or there is no
            temporary folder to write in.
        StorageFullError: The disk is full; no incomplete file is left.
    """
    identity = identity or open_identity()
    faces = faceset or tracker or build_tracker()
    outputs = name_outputs(source, output)
    job = ConvertJob(source, outputs, swapper, faces, encode or EncodeSettings(), identity, targets)
    return job.run(overwrite=overwrite, on_frames=on_frames)
