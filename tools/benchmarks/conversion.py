"""Benchmark of conversion."""

import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

from benchmarks.timing import Rate, exhaust, show, timed
from faceswap.conversion.faces.guided_frames import guide_windows
from faceswap.conversion.faces.source_faces import FramesWithFaces, faces_of_frames
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.swap.time_window import FrameFaces
from faceswap.core.device import pick_device
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from faceswap.models.run_model import load_run_model


def benchmark_conversion(clip: Path, model: Path, to: str, frames: int) -> None:
    """Time conversion with a faceset and its stages; the reference is the slowest stage."""
    source = find_sources([clip])[0]
    swapper = Swapper(load_run_model(model, pick_device()), to=to)
    with tempfile.TemporaryDirectory() as folder:
        extract_source(source, Path(folder) / "faces", ExtractSettings())
        faceset = Faceset.open(Path(folder) / "faces")
        images = [
            replace(frame, pixel_aspect=faceset.pixel_aspect)
            for frame in islice(VideoReader(clip, full_depth=True), frames)
        ]

        def whole() -> int:
            output = Path(folder) / "whole.mp4"
            return convert_source(source, output, swapper, faceset=faceset, overwrite=True).frames

        stages = {
            "decode only": timed(lambda: exhaust(VideoReader(clip))),
            **_time_swap(swapper, images, hash_source(source), faceset),
            "encode only": _time_encode(clip, images, Path(folder) / "encoded.mp4"),
        }
        for name, rate in stages.items():
            show(name, rate, "frames/s")
        slowest = min(stages.values(), key=lambda rate: rate.value)
        show("convert (reference: slowest stage)", timed(whole), "frames/s", slowest)


def _time_swap(
    swapper: Swapper, frames: list[Frame], hashed: HashedSource, faceset: Faceset
) -> dict[str, Rate]:
    found: FramesWithFaces = list(
        faces_of_frames(frames, faceset, hashed, "cpu", meshes=swapper.needs_mesh)
    )
    if swapper.guided:
        found = list(guide_windows(found, swapper.guidance(swapper.to)))
    decoded: list[FrameFaces] = []

    def decode() -> int:
        decoded[:] = swapper.decode(found)
        return len(decoded)

    def blend() -> int:
        copies = ((replace(frame, pixels=frame.picture.copy()), faces) for frame, faces in decoded)
        return sum(1 for _ in swapper.blended(copies))

    return {"swap only": timed(decode), "blend only": timed(blend)}


def _time_encode(clip: Path, frames: list[Frame], output: Path) -> Rate:
    settings = EncodeSettings()

    def write() -> int:
        with VideoWriter(output, probe(clip), encoding=settings.video) as writer:
            for frame in frames:
                writer.write(frame.image, frame.pts)
        return len(frames)

    return timed(write)
