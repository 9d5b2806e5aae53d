"""Converts the photos of one source, one by one.

The stages (decode, faces, swap, blend, encode) run concurrently with bounded queues between them:
memory use does not depend on the number of photos, and they keep their order.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.output.earlier import Earlier
from faceswap.conversion.output.names import Outputs
from faceswap.conversion.output.report import ConvertReport
from faceswap.conversion.output.writing import Counts, write_photos
from faceswap.conversion.photo_faces import faces_of_photos
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.media.hashed_source import HashedSource
from faceswap.media.photos import ImageReader
from faceswap.provenance.signing import ManifestSigner

_QUEUE = 8
_HANDS_ONLY = "Objects in front of faces are found in videos; in photos, hands only."


@dataclass(frozen=True)
class PhotoConversion:
    """The conversion of the photos of one source.

    Attributes:
        hashed: The photos.
        outputs: Names of the outputs.
        swapper: Swapper of the faces.
        faces: Faceset of the photos, or how their faces are found.
        assignment: Assignment of target identities to the faces.
        quality: Quality of JPEG files, 1 to 100.
        signer: Signer of the photos.
    """

    hashed: HashedSource
    outputs: Outputs
    swapper: Swapper
    faces: Faceset | FaceFinding
    assignment: Assignment
    quality: int
    signer: ManifestSigner

    def run(self, earlier: Earlier, on_frames: Callable[[int], None]) -> ConvertReport:
        """Converts the photos that an earlier run did not finish.

        Args:
            earlier: Outputs of an earlier run, which are kept.
            on_frames: Callback with the number of photos done since its last call.

        Raises:
            NoFacesError: No face was found; nothing is written.
        """
        reader = ImageReader(self.hashed.source.files, full_depth=True)
        finished = earlier.swapped
        counts = Counts(finished, earlier.shown)
        on_frames(counts.frames)
        frames = (frame for frame in prefetch(reader, _QUEUE) if frame.index not in finished)
        found = faces_of_photos(frames, self.hashed, self.faces, self.swapper, self.assignment)
        decoded = self.swapper.decode(prefetch(found, _QUEUE), video=False)
        swapped = self.swapper.blended(prefetch(decoded, _QUEUE))
        with closing(prefetch(swapped, _QUEUE)) as waiting:
            counted = (done.frame for done in counts.watch(waiting, on_frames))
            written, notes = write_photos(
                counted,
                counts,
                self.outputs,
                self.hashed,
                reader,
                finished,
                self.quality,
                self.signer,
            )
        return ConvertReport(
            output=self.outputs.path,
            files=tuple(self.outputs.files[index] for index in written),
            frames=counts.frames,
            frames_swapped=counts.frames_swapped,
            faces_swapped=counts.faces_swapped,
            shown=tuple(sorted(counts.shown)),
            seconds=0.0,
            frames_now=counts.frames_now,
            damage=reader.damage or "",
            notes=(*notes, _HANDS_ONLY) if self.swapper.parts.compares else notes,
        )
