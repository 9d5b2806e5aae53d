"""Benchmark of peak memory."""

import multiprocessing
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.swapper import Swapper
from faceswap.core.device import pick_device
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from faceswap.models.model_file import load_model


def benchmark_memory(clip: Path, model: Path, to: str) -> None:
    """Measure peak memory of extraction and conversion on a clip and on the clip repeated."""
    with tempfile.TemporaryDirectory() as folder:
        longer = Path(folder) / f"three{clip.suffix}"
        _repeat(clip, longer, 3)
        for name, work in (("extract", _extract_in), ("convert", _convert_in)):
            peaks = [_peak(work, path, model, to) for path in (clip, longer)]
            print(f"{name:36}{peaks[0]:9.0f} MiB, three times as long: {peaks[1]:.0f} MiB")


def _extract_in(clip: Path, _model: Path, _to: str, folder: Path) -> None:
    extract_source(find_sources([clip])[0], folder / "faces", ExtractSettings())


def _convert_in(clip: Path, model: Path, to: str, folder: Path) -> None:
    swapper = Swapper(load_model(model, pick_device()), to=to)
    convert_source(find_sources([clip])[0], folder / "out.mp4", swapper)


def _peak(work: Callable[[Path, Path, str, Path], None], clip: Path, model: Path, to: str) -> float:
    """Peak resident memory in MiB of the work in a new process."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
        return pool.apply(_measure, (work, clip, model, to, Path(folder)))


def _measure(
    work: Callable[[Path, Path, str, Path], None], clip: Path, model: Path, to: str, folder: Path
) -> float:
    work(clip, model, to, folder)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _repeat(clip: Path, longer: Path, times: int) -> None:
    info = probe(clip)
    with VideoWriter(longer, info) as writer:
        offset = 0
        for _ in range(times):
            pts = 0
            for frame in VideoReader(clip):
                pts = frame.pts
                writer.write(frame.image, offset + pts)
            offset += pts + round(1 / (info.fps * info.time_base))
