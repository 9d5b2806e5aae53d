"""A recognizer without a network, and facesets of people whose identity is their colour."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceswap.facesets.writer import FacesetWriter
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, head_pose
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import write_image
from tests.facesets.written import write_whole

RED, GREEN, BLUE = (220, 60, 60), (60, 220, 60), (60, 60, 220)
SIDE = 32


class Colours:
    """Embeds the hue around the nose; counts the faces it has seen."""

    weights = ()

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images, landmarks):
        self.seen += len(images)
        return np.stack([self._embed(*face) for face in zip(images, landmarks, strict=True)])

    def _embed(self, image, landmarks):
        reach = max(1, round(0.15 * head_pose(landmarks).scale))
        x, y = np.asarray(landmarks)[27:48].mean(0).round().astype(int)
        patch = image[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
        colour = patch.astype(np.float32).mean((0, 1))
        vector = colour - colour.mean()
        return (vector / max(float(np.linalg.norm(vector)), 1e-6)).astype(np.float32)


def face_row(frame: int, face: int, track: int, size: float = 60.0) -> dict:
    landmarks = (size * MEAN_FACE[:, :2] + [100, 80 + 90 * face]).astype(np.float32)
    name = f"{frame:06d}-{face}.png"
    return {
        "frame": frame,
        "pts": frame,
        "time": frame / 25,
        "face": face,
        "track": track,
        "box": np.array([60, 40, 140, 120], np.float32),
        "score": 0.9,
        "filled": False,
        "landmarks": landmarks,
        "mesh": None,
        "matrix": crop_matrix(landmarks, SIDE, HEAD_COVERAGE),
        "yaw": 0.0,
        "pitch": 0.0,
        "roll": 0.0,
        "size": size,
        "sharpness": 10.0,
        "exposure": 0.5,
        "image": name,
        "mask": None,
    }


def write_tracks(
    path: Path,
    tracks: Sequence[Sequence[tuple[int, int, int] | None]],
    kind: str = "video",
    places: Sequence[int] | None = None,
    every: int = 1,
) -> Path:
    """Writes a faceset without embeddings.

    Args:
        path: Its directory.
        tracks: Colour of the face of each track in each frame; None where it is absent.
        kind: Kind of the source.
        places: Place of each track, 0 for the uppermost; None for a place of its own. Tracks in one
            place are not there in the same frame.
        every: Step between the frames of the faceset.
    """
    places = range(len(tracks)) if places is None else places
    source = {"name": path.name, "path": "clip", "kind": kind, "sha256": "a" * 64}
    extractor = {"crop_size": SIDE, "crop_coverage": HEAD_COVERAGE, "every": every}
    writer = FacesetWriter(path, source, extractor, overwrite=False)
    rows = []
    for frame in range(0, max(map(len, tracks)), every):
        for face, colours in enumerate(tracks):
            colour = colours[frame] if frame < len(colours) else None
            if colour is not None:
                row = face_row(frame, places[face], face)
                write_image(
                    path / "images" / row["image"], np.full((SIDE, SIDE, 3), colour, np.uint8)
                )
                rows.append(row)
    write_whole(writer, rows, max(map(len, tracks)))
    return path
