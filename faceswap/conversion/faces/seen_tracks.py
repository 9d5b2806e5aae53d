"""The tracks of a faceset as the assignment of identities sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.conversion.faces.assignment import SeenTrack
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import matrix_column
from faceswap.media.chosen_frames import read_frames
from faceswap.media.sources import Source
from faceswap.media.video import probe
from faceswap.people.embeddings import Embedding
from faceswap.people.face_table import FaceTable, by_track
from faceswap.people.tracks import identify_tracks, sample_tracks
from faceswap.recognizers import Recognizer


@dataclass(frozen=True)
class FacesInFrames(FaceTable):
    """The faces of a video, embedded from its frames: they may have no stored crops.

    Attributes:
        source: The video.
        pixel_aspect: Width over height of its pixels, as the landmarks assume it.
    """

    source: Source = field(kw_only=True)
    pixel_aspect: float = field(kw_only=True)

    @classmethod
    def of_video(cls, faceset: Faceset, source: Source) -> "FacesInFrames":
        """All faces of the faceset of a video."""
        table = FaceTable.of_rows(faceset.path, faceset.rows, video=True)
        values = {each.name: getattr(table, each.name) for each in fields(FaceTable)}
        return cls(**values, source=source, pixel_aspect=faceset.pixel_aspect)

    def embed(self, positions: Sequence[int], recognizer: Recognizer) -> NDArray[np.float32]:
        """Embeddings ``(len(positions), D)`` of faces, from the frames that show them.

        Raises:
            MediaError: The video cannot be read.
            FacesetError: A frame with a face cannot be decoded any more.
        """
        landmarks = matrix_column(self.rows, "landmarks", (68, 2))
        in_frame: dict[int, list[int]] = {}
        for position in positions:
            in_frame.setdefault(int(self.frames[position]), []).append(position)
        found: dict[int, Embedding] = {}
        for frame in read_frames(self.source, in_frame):
            image = replace(frame, pixel_aspect=self.pixel_aspect).displayed()
            of_frame = in_frame[frame.index]
            embeddings = recognizer([image] * len(of_frame), [landmarks[i] for i in of_frame])
            found |= dict(zip(of_frame, embeddings, strict=True))
        return np.stack([found[position] for position in positions])


def seen_tracks(
    faceset: Faceset, source: Source, kept: NDArray[np.bool_], recognizer: Recognizer | None
) -> tuple[NDArray[np.int64], list[SeenTrack]]:
    """The tracks of the faceset of a video.

    Where people have to be recognised, and the faceset has no embeddings, the faces are embedded
    from the frames of the video, and tracks that change person midway are split.

    Args:
        faceset: Faceset of the video.
        source: The video.
        kept: Whether each face counts, ``(N,)``.
        recognizer: Recognition network; None if people need not be recognised.

    Returns:
        Number of the track of each face, ``(N,)``, and the tracks that have faces that count.

    Raises:
        MediaError: The video cannot be read.
        FacesetError: The faceset is damaged.
    """
    rows = faceset.rows
    tracks = rows["track"].to_numpy().astype(np.int64)
    embeddings: Mapping[int, Embedding] = {}
    if recognizer is not None:
        pairs = zip(tracks.tolist(), faceset.each_embedding(), strict=True)
        # Copied, because a part of a row group keeps all of it in memory.
        embeddings = {track: value.copy() for track, value in pairs if value is not None}
        if not embeddings:
            table = FacesInFrames.of_video(faceset, source)
            samples = sample_tracks(table, recognizer)
            found = identify_tracks(table, recognizer, samples, video=True)
            tracks = found.tracks
            embeddings = dict(zip(found.numbers, found.embeddings, strict=True))
    frames, sizes = rows["frame"].to_numpy().astype(np.int64), rows["size"].to_numpy()
    people = rows["person"]
    width = probe(source.path).width * faceset.pixel_aspect
    centres = matrix_column(rows, "landmarks", (68, 2))[..., 0].mean(1)
    seen = []
    for places in by_track(tracks):
        places = places[kept[places]]
        if not len(places):
            continue
        number = int(tracks[places[0]])
        named = people.take(pa.array(places)).drop_null()
        seen.append(
            SeenTrack(
                number,
                frames[places],
                float(np.median(sizes[places])),
                float(np.median(centres[places])) / width,
                named[0].as_py() if len(named) else None,
                embeddings.get(number),
            )
        )
    return tracks, seen
