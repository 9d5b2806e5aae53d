"""Small facesets that tests write."""

import json
from collections.abc import Sequence

import numpy as np

from faceswap.facesets.faceset import Faceset
from faceswap.facesets.segments import SegmentRecord
from faceswap.facesets.writer import FacesetWriter
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, head_pose
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import write_image
from tests.meshes import face_mesh

SOURCE = {"name": "clip", "path": "clip.mp4", "kind": "video", "sha256": "a" * 64}
EXTRACTOR = {"detector": "d", "crop_size": 32, "crop_coverage": HEAD_COVERAGE, "every": 1}


def row(frame: int, face: int = 0, track: int = 0, shift: float = 0.0) -> dict:
    landmarks = (60 * MEAN_FACE[:, :2] + [100 + frame + shift, 80 + 40 * face]).astype(np.float32)
    pose = head_pose(landmarks)
    return {
        "frame": frame,
        "pts": frame * 512,
        "time": frame / 25,
        "face": face,
        "track": track,
        "box": np.array([60, 40, 140, 120], np.float32),
        "score": 0.9,
        "landmarks": landmarks,
        "mesh": (60 * face_mesh() + frame).astype(np.float32),
        "matrix": crop_matrix(landmarks, 32, HEAD_COVERAGE),
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
        "sharpness": 10.0,
        "exposure": 0.5,
        "embedding": None,
        "image": f"{frame:06d}-{face}.png",
        "mask": f"{frame:06d}-{face}.png",
    }


def write_whole(writer: FacesetWriter, rows: Sequence[dict], frames: int) -> int:
    """Writes the only segment of a faceset, and finishes it; returns its number of faces."""
    writer.write_segment(0, None, rows, SegmentRecord(frames, frames))
    return writer.finish(frames=frames, damage="")


def write_faceset(path, frames=range(6), source=SOURCE, maskers=()) -> Faceset:
    extractor = EXTRACTOR | {"maskers": [*maskers]}
    writer = FacesetWriter(path, source, extractor, overwrite=False)
    for frame in frames:
        write_image(path / "images" / f"{frame:06d}-0.png", np.full((32, 32, 3), frame, np.uint8))
        write_image(path / "masks" / f"{frame:06d}-0.png", np.full((32, 32), 255, np.uint8))
    write_whole(writer, [row(frame) for frame in frames], max(frames) + 1)
    return Faceset.open(path)


def make_unversioned(path) -> None:
    """Rewrites faceset.json as it was before formats had names."""
    document = json.loads((path / "faceset.json").read_text())
    del document["format"], document["version"]
    (path / "faceset.json").write_text(json.dumps({"schema_version": 1, **document}))
