"""Benchmark of peak memory."""

import multiprocessing
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peak_memory import forget_peak, peak_so_far
from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.targets import Targets
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.video.clip_faces import ClipFaces
from faceswap.core.device import pick_device
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, RECORD, ROWS
from faceswap.facesets.record import FORMAT, read_record
from faceswap.facesets.rows import read_row_groups
from faceswap.media.hashed_source import hash_source
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from faceswap.models.model_file import load_model
from faceswap.models.run_model import load_run_model

_FPS = 30
_SIDE = 64  # px: no face is looked at
_GROUP = 4096  # rows
_EVERY = 10  # frames, of which the faces of one are asked for


def benchmark_memory(clip: Path, model: Path, to: str) -> None:
    """Measure peak memory of extraction and conversion on a clip and on the clip repeated."""
    with tempfile.TemporaryDirectory() as folder:
        longer = Path(folder) / f"three{clip.suffix}"
        _repeat(clip, longer, 3)
        for name, work in (("extract", _extract_in), ("convert", _convert_in)):
            peaks = [_peak(work, path, model, to) for path in (clip, longer)]
            print(f"{name:36}{peaks[0]:9.0f} MiB, three times as long: {peaks[1]:.0f} MiB")


def benchmark_faces(faceset: Path, model: Path, to: str, minutes: int) -> None:
    """Measure peak memory of finding what is swapped in a minute, and in some minutes.

    The clips are synthetic: their facesets repeat the rows of the one that is given.
    """
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for count in (1, minutes):
            clip = Path(folder) / f"{count}.mp4"
            _write_long(clip, faceset, count * 60 * _FPS)
            peaks.append(_peak(_assign_in, clip, model, to))
    print(f"{'faces':36}{peaks[0]:9.0f} MiB, {minutes} times as long: {peaks[1]:.0f} MiB")


def _write_long(clip: Path, faceset: Path, frames: int) -> None:
    """Writes a blank clip, and beside it its faceset, with one face in each frame."""
    with av.open(clip, "w") as container:
        stream = container.add_stream("mpeg4", _FPS)
        stream.width = stream.height = _SIDE
        for index in range(frames):
            picture = av.VideoFrame(_SIDE, _SIDE, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes(plane.buffer_size))
            picture.pts = index
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    rows = next(read_row_groups(faceset / ROWS))
    record, longer = read_record(faceset), clip.with_suffix("")
    record["source"] |= {
        "path": str(clip),
        "frames": frames,
        "sha256": hash_source(find_sources([clip])[0]).sha256,
    }
    (longer / IMAGES).mkdir(parents=True)
    FORMAT.write(longer / RECORD, record)
    with pq.ParquetWriter(longer / ROWS, rows.schema, compression="zstd") as writer:
        for start in range(0, frames, _GROUP):
            indices = np.arange(start, min(start + _GROUP, frames))
            group = rows.take(indices % rows.num_rows)
            changed = {
                "frame": indices,
                "pts": indices,
                "time": indices / _FPS,
                "track": np.zeros_like(indices),
                "image": [""] * len(indices),
                "mask": [None] * len(indices),
            }
            for name, values in changed.items():
                place = rows.schema.get_field_index(name)
                field = rows.schema.field(place)
                group = group.set_column(place, field, pa.array(values, field.type))
            writer.write_table(group)


def _assign_in(clip: Path, model: Path, to: str, _folder: Path) -> None:
    swapper = Swapper(load_run_model(model, pick_device()), to=to)
    hashed = hash_source(find_sources([clip])[0])
    assignment = Assignment(Targets.everyone(to), clip.name)
    forget_peak()  # loading a model takes more than it keeps
    with ClipFaces(Faceset.open(clip.with_suffix("")), hashed, swapper, assignment) as faces:
        frames = islice(VideoReader(clip), 0, None, _EVERY)
        shown = sum(len(found) for _, found in faces.of(frames, {}))
    assert shown


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
    return peak_so_far()


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
