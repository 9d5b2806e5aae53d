"""Benchmark of extraction."""

import tempfile
from itertools import islice
from pathlib import Path

from benchmarks.timing import exhaust, show, timed
from faceswap.extraction.pipeline import ExtractSettings, extract_source
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, warp
from faceswap.media.images import encode_image
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.tracking.finder import build_tracker


def benchmark_extraction(clip: Path, frames: int) -> None:
    """Time extraction and its stages; the reference detects faces in every frame, sequentially."""
    settings = ExtractSettings()
    tracker = build_tracker(settings.detector, settings.landmarker)
    source = find_sources([clip])[0]
    images = [frame.image for frame in islice(VideoReader(clip), frames)]
    show("decode only", timed(lambda: exhaust(VideoReader(clip))), "frames/s")
    show("track only", timed(lambda: exhaust(map(tracker.update, images))), "frames/s")

    def sequential() -> int:
        count = frames // 4
        for frame in islice(VideoReader(clip), count):
            for face in tracker.find_faces(frame.image):
                matrix = crop_matrix(face.landmarks.points, settings.crop_size, HEAD_COVERAGE)
                encode_image(warp(frame.image, matrix, settings.crop_size), ".jpg")
        return count

    def pipeline() -> int:
        with tempfile.TemporaryDirectory() as folder:
            return extract_source(source, Path(folder) / "faces", settings).frames

    reference = timed(sequential)
    show("reference: detection in every frame", reference, "frames/s")
    show("extract", timed(pipeline), "frames/s", reference)
