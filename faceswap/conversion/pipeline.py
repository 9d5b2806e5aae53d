"""Converts one source: a video in segments, photos one by one."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from faceswap import __version__
from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.sparse_faces import search_all
from faceswap.conversion.faces.targets import Targets
from faceswap.conversion.output.description import describe_faces, describe_targets
from faceswap.conversion.output.earlier import Earlier, find_earlier
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import Outputs, check_view, name_outputs
from faceswap.conversion.output.report import ConvertReport, write_report
from faceswap.conversion.photo_conversion import PhotoConversion
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.video.conversion import VideoConversion
from faceswap.conversion.video.ranges import WHOLE, Ranges
from faceswap.core.errors import NoFacesError
from faceswap.core.files import remove
from faceswap.core.locks import check_free
from faceswap.core.outputs import check_outputs, is_taken
from faceswap.facesets.faceset import Faceset
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.sources import Source
from faceswap.media.video import probe
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.signing import ManifestSigner


@dataclass(frozen=True)
class ConvertJob:
    """The conversion of one source, with everything that its result depends on.

    Attributes:
        source: Video or photos to convert.
        outputs: Names of the outputs.
        swapper: Swapper, with model and settings.
        faces: Faceset of the source, or how faces are found during the conversion.
        encode: Encoding settings.
        identity: Signing identity.
        chosen_targets: Target identities of the faces; None for that of the swapper for all faces.
        ranges: Ranges of a video in which faces are swapped.
    """

    source: Source
    outputs: Outputs
    swapper: Swapper
    faces: Faceset | FaceFinding
    encode: EncodeSettings
    identity: SigningIdentity
    chosen_targets: Targets | None = None
    ranges: Ranges = WHOLE

    @property
    def targets(self) -> Targets:
        """Target identities of the faces."""
        return self.chosen_targets or Targets.everyone(self.swapper.to)

    @cached_property
    def conversion(self) -> Conversion:
        """Content of the manifests."""
        settings = {
            **self.swapper.parts.record(),
            "faces": describe_faces(self.faces),
            "encoding": self.encode.record(),
            **self.ranges.record(),
        }
        return describe_targets(self.swapper.loaded, self.targets, settings)

    @property
    def passes(self) -> int:
        """How often each frame is reported to ``on_frames``."""
        if self.source.kind == "images":
            return 1
        return 2 if isinstance(search_all(self.faces), FaceFinding) else 1

    def frames(self) -> int:
        """Number of frames that are reported to ``on_frames`` in all passes; 0 if unknown."""
        if self.source.kind == "images":
            return len(self.source.files)
        frames = probe(self.source.path).frames or 0
        if not frames or not self.ranges.cuts:
            return frames * self.passes
        spans = self.ranges.spans(self.source, frames)
        kept = {index for first, end in spans for index in range(first, end)}
        return frames * (self.passes - 1) + len(kept)

    def check(self) -> None:
        """Checks that the source has what is chosen of it, before anything is read.

        Raises:
            ConfigError: Photos have no ranges.
            MediaError: The view cannot be written of the source, or as the output.
        """
        self.ranges.check(self.source)
        check_view(self.encode.view, self.source, self.outputs, self.encode.video)

    def find_earlier(self) -> Earlier | None:
        """Checks every name that will be written; call it before the work starts.

        Returns:
            What an identical conversion left; None if nothing has one of the names.

        Raises:
            OutputExistsError: Something exists that an identical conversion did not make.
            OutputError: A name is too long, lies in a file, or is used twice.
        """
        self.check()
        check_outputs(self.outputs.names(), overwrite=True)
        if not any(map(is_taken, self.outputs.names())):
            return None
        return self._earlier_of(hash_source(self.source))

    def run(
        self,
        earlier: Earlier | None = None,
        *,
        overwrite: bool = False,
        on_frames: Callable[[int], None] = lambda _: None,
    ) -> ConvertReport:
        """Converts the source, unless an identical conversion is complete; see ``convert_source``.

        Photos that an identical conversion wrote before it was interrupted are kept. Give what
        ``find_earlier`` returned, so that it is not read again unless it changed.
        """
        begun = time.monotonic()
        self.check()
        check_outputs(self.outputs.names(), overwrite=True)
        with self.outputs.hold():
            check_free(self.outputs.work)  # shards hold nothing but what they write there
            earlier = self.begin(earlier, overwrite)
            hashed = earlier.hashed
            if earlier.report is not None:
                remove(self.outputs.work)  # it was stopped at the very end
                return earlier.report
            assignment = Assignment(self.targets, self.source.name)
            try:
                report = self._convert(hashed, assignment, earlier, on_frames, overwrite=overwrite)
            except NoFacesError:
                assignment.check()  # there may be faces, and others be meant
                raise
            # The faces of photos that an earlier run finished are not known.
            notes = () if earlier.swapped else assignment.notes()
            return self.conclude(report, hashed, notes, begun)

    def conclude(
        self, report: ConvertReport, hashed: HashedSource, notes: Iterable[str], begun: float
    ) -> ConvertReport:
        """Writes the report of a finished conversion, and removes what it needed meanwhile.

        Args:
            report: Result.
            hashed: The source.
            notes: Further notes for the report.
            begun: Moment at which this run began, by ``time.monotonic``.

        Returns:
            The report with its notes and the duration.
        """
        report = replace(report, notes=(*report.notes, *notes), seconds=time.monotonic() - begun)
        write_report(report, self.outputs, hashed, self.swapper, self.conversion, self.identity)
        remove(self.outputs.work)
        return report

    def begin(self, earlier: Earlier | None, overwrite: bool) -> Earlier:
        """Hashes the source and looks at the outputs, where this is not done yet."""
        if earlier is None:
            hashed = hash_source(self.source)
        else:
            hashed = earlier.hashed
            hashed.check()
        if overwrite:
            return Earlier(hashed)
        if earlier is not None and earlier.is_current(self.outputs):
            return earlier
        return self._earlier_of(hashed)

    def _earlier_of(self, hashed: HashedSource) -> Earlier:
        return find_earlier(self.outputs, hashed, self.conversion, self.identity)

    def _convert(
        self,
        hashed: HashedSource,
        assignment: Assignment,
        earlier: Earlier,
        on_frames: Callable[[int], None],
        *,
        overwrite: bool,
    ) -> ConvertReport:
        if self.source.kind == "images":
            photos = PhotoConversion(
                hashed,
                self.outputs,
                self.swapper,
                self.faces,
                assignment,
                self.encode.quality,
                ManifestSigner(self.identity, self.conversion),
            )
            return photos.run(earlier, on_frames)
        result = self.video(hashed, assignment).run(
            self.key(hashed), on_frames, overwrite=overwrite
        )
        return ConvertReport(output=self.outputs.path, seconds=0.0, **asdict(result))

    def video(self, hashed: HashedSource, assignment: Assignment) -> VideoConversion:
        """The conversion of the source, which is a video."""
        signer = ManifestSigner(self.identity, self.conversion)
        return VideoConversion(
            hashed,
            self.outputs,
            self.swapper,
            self.faces,
            assignment,
            self.encode,
            signer,
            self.ranges,
        )

    def key(self, hashed: HashedSource) -> str:
        """Text that identifies the conversion, with the signer, this program and the arithmetic."""
        made_from = self.conversion.fingerprint(hashed.files)
        return f"{made_from} {self.identity.fingerprint} {__version__} {self.swapper.arithmetic}"


def convert_source(
    source: Source,
    output: Path,
    swapper: Swapper,
    *,
    targets: Targets | None = None,
    faceset: Faceset | None = None,
    finding: FaceFinding | None = None,
    encode: EncodeSettings | None = None,
    identity: SigningIdentity | None = None,
    overwrite: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ConvertReport:
    """Swaps the faces of a video or of photos, and writes and signs the result and its report.

    An identical conversion that is complete is kept; one that was interrupted is resumed: it keeps
    its photos, or the segments of its video, which lie in a hidden folder beside the output. The
    faces of a whole video are found before the first is swapped.

    Args:
        source: Video or photos to convert.
        output: File for a video, folder for photos. A video appears there only when it is complete.
        swapper: Swapper, with model and settings.
        targets: Target identities of the faces; None for that of the swapper for all faces.
        faceset: Faceset of the source; None to find the faces.
        finding: Networks that find faces without a faceset; None for the default ones.
        encode: Encoding settings; None for the defaults.
        identity: Signing identity; None for the local identity, created on first use.
        overwrite: Whether to replace whatever exists under the names of the outputs.
        on_frames: Callback with the number of frames processed since the last call, in each of
            ``ConvertJob.passes``.

    Raises:
        ConfigError: The model or the masker needs face meshes, and the landmarker gives none.
        IdentityError: Neither the swapper nor ``targets`` names an identity; nothing is written.
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
    faces = faceset or finding or FaceFinding()
    outputs = name_outputs(source, output)
    encode = encode or EncodeSettings()
    job = ConvertJob(source, outputs, swapper, faces, encode, identity, targets)
    return job.run(overwrite=overwrite, on_frames=on_frames)
