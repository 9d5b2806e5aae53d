"""Contact sheets of some frames of a source, converted with one or several settings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.faces.sparse_faces import is_sparse
from faceswap.conversion.output.report import is_report_of
from faceswap.conversion.photo_faces import faces_of_photos
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.sheet import around_faces, sheet, tile
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.video.clip_faces import ClipFaces
from faceswap.core.errors import ConfigError, NoFacesError
from faceswap.core.files import write_json
from faceswap.core.outputs import check_outputs
from faceswap.core.text import readable_name
from faceswap.facesets.faceset import Faceset
from faceswap.media.converted import report_path
from faceswap.media.frame import Frame, Image
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.images import write_image
from faceswap.media.photos import ImageReader
from faceswap.media.video import VideoReader, probe
from faceswap.provenance.metadata import SYNTHETIC, TOOL, xmp_packet
from faceswap.provenance.signing import ManifestSigner

Sample = tuple[Frame, Sequence[SourceFace]]


@dataclass(frozen=True)
class SheetRow:
    """Settings of one row of a sheet.

    Attributes:
        title: Text over the row.
        swapper: Swapper with the settings.
        changes: Settings that differ from those of the command, as ``NAME=VALUE``.
    """

    title: str
    swapper: Swapper
    changes: tuple[str, ...] = ()


def sheet_path(job: ConvertJob, *, swept: bool) -> Path:
    """File of the sheet, beside what the conversion itself would write."""
    path = job.outputs.path
    stem = path.name if job.outputs.is_folder else path.stem
    return path.with_name(f"{stem}.{'sweep' if swept else 'preview'}.png")


def write_tuning_sheet(
    job: ConvertJob,
    rows: Sequence[SheetRow],
    count: int,
    path: Path,
    *,
    overwrite: bool = False,
    on_tiles: Callable[[int], None] = lambda _: None,
) -> int:
    """Writes a sheet of frames that are spread over a source, which has a row of its own.

    The frames are from the ranges of the job. They are converted one by one and in 8 bits, so what
    is averaged over time in a video is not, and without a faceset the faces of each frame are found
    by themselves.

    Args:
        job: Conversion of the source; nothing of its own is written.
        rows: Settings of the rows.
        count: Number of frames; fewer are shown of a shorter source.
        path: PNG file. It is marked as synthetic, and has a report beside it.
        overwrite: Whether to replace a file that is no sheet of this source.
        on_tiles: Callback with the number of frames converted since the last call.

    Returns:
        Number of frames that are shown.

    Raises:
        ConfigError: A view is chosen, which sheets do not show.
        NoFacesError: No face is to be swapped in these frames.
        OutputExistsError: Something else has the name of the sheet.
        FaceswapError: As in ``ConvertJob.run``.
    """
    if job.encode.view != "swap":
        raise ConfigError(
            f"Sheets show converted frames, found the view {job.encode.view!r}.",
            "Omit --view, or add --set encode.view=swap.",
        )
    job.check()
    own = not overwrite and is_report_of(report_path(path), job.source)
    check_outputs([path, report_path(path)], overwrite=overwrite or own)
    hashed = hash_source(job.source)
    # One of the swappers may need meshes where that of the job does not.
    neediest = max((row.swapper for row in rows), key=lambda swapper: swapper.needs_mesh)
    samples = _sample(replace(job, swapper=neediest), hashed, count)
    regions = [
        around_faces(frame.displayed().shape, [face.landmarks for face in faces])
        for frame, faces in samples
    ]
    shown = [
        ("source", [_tile(frame, box) for (frame, _), box in zip(samples, regions, strict=True)])
    ]
    for row in rows:
        tiles = []
        for frame, region in zip(_swapped(row.swapper, samples), regions, strict=True):
            tiles.append(_tile(frame, region))
            on_tiles(1)
        shown.append((row.title, tiles))
    image = sheet([_column(frame) for frame, _ in samples], shown)
    _write(path, image, job, hashed, rows, samples)
    return len(samples)


def _sample(job: ConvertJob, hashed: HashedSource, count: int) -> Sequence[Sample]:
    """Frames spread over the source, with the faces to swap."""
    faceset, targets = job.faces, job.targets
    if isinstance(faceset, Faceset) and is_sparse(faceset):
        targets = replace(targets, fade=0)  # each face stands alone among the frames
    assignment = Assignment(targets, job.source.name)
    indices = _in_ranges(job)
    if isinstance(faceset, Faceset) and job.source.kind == "video":
        with_faces = {*faceset.rows["frame"].to_pylist()}
        chosen = _spread([index for index in indices if index in with_faces], count)
        with ClipFaces(faceset, hashed, job.swapper, assignment) as clip:
            samples = [
                (frame, list(faces)) for frame, faces in clip.of(_frames_at(job, chosen), {})
            ]
    else:
        frames = _frames_at(job, _spread(indices, count))
        found = faces_of_photos(frames, hashed, job.faces, job.swapper, assignment)
        samples = [(frame, list(faces)) for frame, faces in found]
    if not any(faces for _, faces in samples):
        assignment.check()  # there may be faces, and others be meant
        raise NoFacesError(
            f"Expected faces in {len(samples)} frames of {job.source.path}, found none.",
            "Look at more frames, or give the faceset of the source.",
        )
    return samples


def _in_ranges(job: ConvertJob) -> list[int]:
    """Indices of the frames that the conversion swaps."""
    if job.source.kind == "images":
        return list(range(len(job.source.files)))
    spans = job.ranges.spans(job.source, probe(job.source.path).frames)
    return sorted({index for first, end in spans for index in range(first, end)})


def _spread(indices: Sequence[int], count: int) -> list[int]:
    """Some of the indices, each in the middle of an equal part of them."""
    number = min(count, len(indices))
    places = (np.arange(number) + 0.5) * len(indices) / max(number, 1)
    return [indices[int(place)] for place in places]


def _frames_at(job: ConvertJob, indices: Sequence[int]) -> Iterator[Frame]:
    """The frames of these indices, of which a damaged file may lack some."""
    source, deinterlace = job.source, job.encode.deinterlace
    for index in indices:
        video = source.kind == "video"
        reader = (
            VideoReader(source.path, index, deinterlace=deinterlace)
            if video
            else ImageReader(source.files, index)
        )
        frame = next(iter(reader), None)
        if frame is not None:
            yield frame


def _swapped(swapper: Swapper, samples: Sequence[Sample]) -> Iterator[Frame]:
    """Converted copies of the frames."""
    copies = ((replace(frame, pixels=frame.image.copy()), faces) for frame, faces in samples)
    return (swapped.frame for swapped in swapper(copies, video=False))


def _tile(frame: Frame, region: tuple[int, int, int, int]) -> Image:
    return tile(frame.displayed(), region)


def _column(frame: Frame) -> str:
    if frame.name:
        return frame.name
    minutes, seconds = divmod(frame.time, 60)
    return f"{int(minutes)}:{seconds:05.2f}, frame {frame.index}"


def _write(
    path: Path,
    image: Image,
    job: ConvertJob,
    hashed: HashedSource,
    rows: Sequence[SheetRow],
    samples: Sequence[Sample],
) -> None:
    signer = ManifestSigner(job.identity, job.conversion)
    faces = sum(len(found) for _, found in samples)
    shown = {face.to for _, found in samples for face in found}
    sign = signer.for_sources(
        *hashed.files,
        counts=lambda: {"faces_swapped": faces * len(rows)},
        shown=lambda: shown,
    )
    report_path(path).unlink(missing_ok=True)  # it describes the sheet that is replaced
    write_image(path, image, xmp=xmp_packet(), sign=sign)
    report: dict[str, Any] = {
        "tool": TOOL,
        "synthetic": SYNTHETIC,
        "source": {"name": readable_name(hashed.source.path.name), "sha256": hashed.sha256},
        "files": [{"name": readable_name(path.name)}],
        "frames": [frame.index for frame, _ in samples],
        "rows": [{"changes": row.changes, "settings": row.swapper.parts.facts} for row in rows],
    }
    write_json(report_path(path), report)
