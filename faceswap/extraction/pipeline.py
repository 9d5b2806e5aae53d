"""Finds the faces of one source and writes them into its faceset.

Three stages run at once behind bounded queues: decoding, tracking, and cutting and writing crops.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import NoFacesError
from faceswap.core.files import storage_errors
from faceswap.core.prefetch import prefetch
from faceswap.core.weights import weights_entry
from faceswap.facesets.faceset import IMAGES, MASKS
from faceswap.facesets.writer import FacesetWriter
from faceswap.geometry.alignment import (
    HEAD_COVERAGE,
    crop_matrix,
    head_pose,
    transform_points,
    warp,
)
from faceswap.maskers import Masker, build_masker
from faceswap.media.frame import Frame
from faceswap.media.images import encode_image
from faceswap.media.sources import Source, open_source
from faceswap.media.video import probe
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker, track_faces
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace

PART_FRAMES = 200
_QUEUE = 8
_MEASURE_SIZE = 96  # px: sharpness must not depend on the size of the stored crop


@dataclass(frozen=True)
class ExtractSettings:
    """What the faces of a faceset depend on besides the source.

    Attributes:
        detector: Name of the detector.
        landmarker: Name of the landmark net.
        masker: Name of the masker.
        crop_size: Side of the stored crops in pixels.
        image_format: "jpg" (quality 95) or "png" (lossless).
        every: Only every n-th frame is looked at.
        min_size: Faces whose face square is smaller than this in frame pixels are left out.
        mask_model: Folder of the masker's network, for a masker that has one.
    """

    detector: str = DETECTOR
    landmarker: str = LANDMARKER
    masker: str = "hull"
    crop_size: int = 384
    image_format: str = "jpg"
    every: int = 1
    min_size: int = 24
    mask_model: Path | None = None


@dataclass(frozen=True)
class ExtractReport:
    """What became of one source.

    Attributes:
        name: The source's name.
        path: The faceset's directory.
        frames: Frames of the source that were looked at, by this run and earlier ones.
        frames_with_face: Those in which at least one face was found.
        faces: Faces found.
        seconds: Time this run took.
        frames_now: Frames that this run got through.
        damage: What could not be read of the source, or "".
    """

    name: str
    path: Path
    frames: int
    frames_with_face: int
    faces: int
    seconds: float
    frames_now: int
    damage: str


def extract_source(
    source: Source,
    directory: Path,
    settings: ExtractSettings,
    *,
    device: str = "cpu",
    overwrite: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ExtractReport:
    """Extracts one source into one faceset, going on where an interrupted run stopped.

    Args:
        source: A video, or the photos of a folder.
        directory: Where the faceset is, or is to be.
        settings: How to find and store faces.
        device: Device of the nets.
        overwrite: Replace a faceset that is there.
        on_frames: Called with the number of frames done since the last call.

    Raises:
        NoFacesError: No frame has a face.
        FacesetError: The directory holds another source's faces or other settings'.
        MediaError: The source cannot be read at all.
        StorageFullError: The disk is full; finished parts are kept.
    """
    begun = time.monotonic()
    tracker = build_tracker(settings.detector, settings.landmarker, device)
    masker = build_masker(settings.masker, device, model=settings.mask_model)
    writer = FacesetWriter(
        directory,
        _source_record(source),
        _extractor_record(settings, tracker, masker),
        overwrite=overwrite,
    )
    first = writer.next_frame
    on_frames(first)
    if not writer.complete:
        _extract(source, writer, settings, tracker, masker, on_frames)
    facts = writer.record["source"]
    return ExtractReport(
        name=source.name,
        path=directory,
        frames=math.ceil(facts["frames"] / settings.every),
        frames_with_face=facts["frames_with_face"],
        faces=facts["faces"],
        seconds=time.monotonic() - begun,
        frames_now=writer.next_frame - first,
        damage=facts["damage"],
    )


def _extract(
    source: Source,
    writer: FacesetWriter,
    settings: ExtractSettings,
    tracker: Tracker,
    masker: Masker,
    on_frames: Callable[[int], None],
) -> None:
    if writer.state is not None:
        tracker.restore(writer.state)
    reader = open_source(source, start=writer.next_frame)
    frames = (frame for frame in prefetch(reader, _QUEUE) if frame.index % settings.every == 0)
    tracked = _with_states(track_faces(frames, tracker, source.kind), tracker)
    done = writer.next_frame
    with closing(prefetch(tracked, _QUEUE)) as results:
        for frame, faces, state in results:
            for row in _rows(frame, faces, settings, masker, writer.path):
                writer.add(row)
            on_frames(frame.index + 1 - done)
            done = frame.index + 1
            if state is not None:
                writer.end_part(done, state)
    writer.end_part(done, tracker.state())
    if not writer.finish(frames=done, damage=reader.damage or ""):
        writer.discard()
        raise NoFacesError(
            f"No face was found in {source.path} ({done} frames looked at).",
            "Try another --detector, or a smaller --min-size.",
        )


def _with_states(
    tracked: Iterable[tuple[Frame, list[TrackedFace]]], tracker: Tracker
) -> Iterator[tuple[Frame, list[TrackedFace], Any]]:
    """Adds the tracker's state to the last frame of each part, and None to the others."""
    for count, (frame, faces) in enumerate(tracked, start=1):
        yield frame, faces, tracker.state() if count % PART_FRAMES == 0 else None


def _rows(
    frame: Frame,
    faces: Sequence[TrackedFace],
    settings: ExtractSettings,
    masker: Masker,
    directory: Path,
) -> Iterator[dict[str, Any]]:
    """Cuts and writes the crops of a frame and gives their rows."""
    for number, face in enumerate(faces):
        landmarks = face.landmarks.points
        pose = head_pose(landmarks)
        if pose.scale < settings.min_size:
            continue
        matrix = crop_matrix(landmarks, settings.crop_size, HEAD_COVERAGE)
        crop = warp(frame.image, matrix, settings.crop_size)
        (mask,) = masker([crop], [transform_points(matrix, landmarks)])
        sharpness, exposure = _quality(crop, mask)
        stem = f"{frame.index:06d}-{number}"
        image_name, mask_name = f"{stem}.{settings.image_format}", f"{stem}.png"
        _store(directory / IMAGES / image_name, crop)
        _store(directory / MASKS / mask_name, mask)
        yield {
            "frame": frame.index,
            "pts": frame.pts,
            "time": frame.time,
            "face": number,
            "track": face.track,
            "box": np.asarray(face.box, np.float32),
            "score": float(face.score),
            "landmarks": landmarks,
            "mesh": face.landmarks.mesh,
            "matrix": matrix,
            "yaw": pose.yaw,
            "pitch": pose.pitch,
            "roll": pose.roll,
            "sharpness": sharpness,
            "exposure": exposure,
            "embedding": None,
            "image": image_name,
            "mask": mask_name,
        }


def _store(path: Path, image: NDArray[np.uint8]) -> None:
    # Neither atomic nor synced: crops of an unfinished part are cut again after a crash.
    with storage_errors(path):
        path.write_bytes(encode_image(image, path.suffix))


def _quality(crop: NDArray[np.uint8], mask: NDArray[np.uint8]) -> tuple[float, float]:
    """Sharpness (variance of the Laplacian) and exposure (mean luma, 0 to 1) within the mask."""
    side = (_MEASURE_SIZE, _MEASURE_SIZE)
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), side, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask, side, interpolation=cv2.INTER_AREA) > 127
    if not inside.any():
        return 0.0, 0.0
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    return float(laplacian[inside].var()), float(grey[inside].mean()) / 255


def _extractor_record(
    settings: ExtractSettings, tracker: Tracker, masker: Masker
) -> dict[str, Any]:
    names = (*tracker.detector.weights, *tracker.landmarker.weights)
    # The network of a masker goes by its hash, wherever it lies.
    chosen = {key: value for key, value in asdict(settings).items() if key != "mask_model"}
    return (
        chosen
        | dict(masker.facts)
        | {
            "crop_coverage": HEAD_COVERAGE,
            "weights": {name: weights_entry(name).sha256 for name in names},
        }
    )


def _source_record(source: Source) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": source.name,
        "path": str(source.path),
        "kind": source.kind,
        "sha256": source.content_hash(),
    }
    if source.kind == "images":
        return record | {"files": [file.name for file in source.files]}
    info = probe(source.path)
    return record | {
        "width": info.width,
        "height": info.height,
        "fps": float(info.fps),
        "time_base": str(info.time_base),
    }
