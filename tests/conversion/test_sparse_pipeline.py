"""Conversions of videos with facesets of every n-th frame."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from faceswap.conversion.output.description import describe_faces
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import ConvertJob, convert_source
from faceswap.conversion.sharded import Shard, convert_shard
from faceswap.core.errors import FacesetError
from faceswap.extraction import segments
from faceswap.extraction.imported_faces import read_imported_faces
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.selection import Selection
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.media.encoders import VideoEncoding
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import VideoReader
from faceswap.provenance.identity import open_identity
from tests.conversion.test_pipeline import swapper
from tests.footage import moving_portrait, plain_picture, squeezed_portrait, write_clip

FRAMES = 26
EVERY = 5
LENGTH, LEAD = 8, 4  # the first segment has the frames of both
LOSSLESS = EncodeSettings(VideoEncoding(lossless=True))
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def source(clip) -> Source:
    return find_sources([clip])[0]


def extracted(source: Source, path: Path, every: int = EVERY, **settings) -> Faceset:
    extract_source(source, path, ExtractSettings(every=every, **settings))
    return Faceset.open(path)


@pytest.fixture(scope="module")
def sparse(source, tmp_path_factory) -> Faceset:
    return extracted(source, tmp_path_factory.mktemp("sparse") / "faces")


@pytest.fixture(scope="module")
def expected(source, faceset, tmp_path_factory) -> np.ndarray:
    """The frames of a conversion with a faceset of all frames."""
    return converted(source, tmp_path_factory.mktemp("whole") / "out.mp4", faceset)


def frames_of(path: Path) -> np.ndarray:
    return np.stack([frame.image for frame in VideoReader(path)])


def converted(source: Source, output: Path, faceset: Faceset) -> np.ndarray:
    convert_source(source, output, swapper(), faceset=faceset, encode=LOSSLESS)
    return frames_of(output)


def changed(source: Source, frames: np.ndarray) -> list[bool]:
    """Whether the face of each frame is swapped."""
    before = frames_of(source.path)
    return (frames != before).any((1, 2, 3)).tolist()


def test_the_pixels_are_those_of_a_faceset_of_all_frames(source, sparse, expected, tmp_path):
    assert len(sparse.faces()) == 6
    np.testing.assert_array_equal(converted(source, tmp_path / "out.mp4", sparse), expected)


def test_pixels_that_are_not_square(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 8, squeezed_portrait, pixel_aspect=Fraction(4, 3))
    (source,) = find_sources([clip])
    whole, some = (extracted(source, tmp_path / f"faces{n}", n) for n in (1, 3))
    ours, theirs = (converted(source, tmp_path / f"{f.path.name}.mp4", f) for f in (some, whole))
    np.testing.assert_array_equal(ours, theirs)
    assert all(changed(source, ours))


def test_progress_counts_both_passes_of_a_span(source, tmp_path):
    faceset = extracted(source, tmp_path / "faces", first_frame=7, end_frame=20)
    outputs, counted = name_outputs(source, tmp_path / "out.mp4"), []
    job = ConvertJob(source, outputs, swapper(), faceset, LOSSLESS, open_identity())
    report = job.run(on_frames=counted.append)
    assert (job.passes, sum(counted)) == (2, 2 * FRAMES)
    assert report.faces_swapped == 13
    assert changed(source, frames_of(tmp_path / "out.mp4")) == [7 <= i < 20 for i in range(FRAMES)]


def test_the_conditions_of_the_extraction_hold_in_all_frames(source, faceset, tmp_path):
    sizes = [face.size for face in faceset.faces()]
    limit = int(np.median(sizes))
    assert min(sizes) < limit < max(sizes)
    settings = {"selection": Selection(min_size=limit)}
    whole, some = (extracted(source, tmp_path / f"faces{n}", n, **settings) for n in (1, 5))
    ours, theirs = (converted(source, tmp_path / f"{f.path.name}.mp4", f) for f in (some, whole))
    np.testing.assert_array_equal(ours, theirs)
    assert len({*changed(source, ours)}) == 2


def test_a_face_that_is_lost_fades(tmp_path):
    def picture(index: int) -> np.ndarray:
        """The portrait, which noise replaces little by little: no cut, and no sudden cover."""
        gone = np.clip((index - 10) / 8, 0, 1)
        mixed = (1 - gone) * moving_portrait(index) + gone * plain_picture(0)
        return mixed.astype(np.uint8)

    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", FRAMES, picture)])
    whole, some = (extracted(source, tmp_path / f"faces{n}", n) for n in (1, EVERY))
    last = max(face.frame for face in whole.faces())
    assert last < FRAMES - 5
    ours, theirs = (converted(source, tmp_path / f"{f.path.name}.mp4", f) for f in (some, whole))
    np.testing.assert_array_equal(ours, theirs)
    before = frames_of(source.path)
    x, y = whole.faces()[-1].landmarks[30].round().astype(int)
    change = np.abs(ours.astype(int) - before)[:, y - 6 : y + 6, x - 6 : x + 6].mean((1, 2, 3))
    assert (np.diff(change[last - 4 : last + 2]) < 0).all()
    assert change[last + 1] < 2 < change[last]


def test_an_excluded_face_stays_as_it_is_to_the_bit(tmp_path):
    def both(index: int) -> np.ndarray:
        return np.hstack([moving_portrait(index), moving_portrait(index + 40)])

    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 12, both)])
    faceset = extracted(source, tmp_path / "faces")
    left = [face for face in faceset.faces() if face.landmarks[30, 0] < 256]
    assert len({face.track for face in faceset.faces()}) == 2
    for face in left:
        (faceset.path / "images" / face.image).unlink()
    report = convert_source(
        source,
        tmp_path / "out.mkv",
        swapper(),
        faceset=Faceset.open(faceset.path),
        encode=LOSSLESS,
    )
    assert report.faces_swapped == 12
    assert "3 faces deleted from the faceset: swapped nowhere." in report.notes
    ours, before = frames_of(tmp_path / "out.mkv"), frames_of(source.path)
    np.testing.assert_array_equal(ours[:, :, :256], before[:, :, :256])
    assert (ours[:, :, 256:] != before[:, :, 256:]).any((1, 2, 3)).all()


def test_networks_find_what_another_program_has_in_some_frames(source, sparse, expected, tmp_path):
    imported = read_imported_faces(sparse.path / ROWS, source)
    extract_source(source, tmp_path / "faces", ExtractSettings(every=EVERY), imported=imported)
    faceset = Faceset.open(tmp_path / "faces")
    np.testing.assert_array_equal(converted(source, tmp_path / "out.mp4", faceset), expected)


def test_the_networks_are_part_of_what_a_conversion_is_made_from(faceset, sparse):
    assert "networks" not in describe_faces(faceset)
    assert {"blazeface_full", "facemesh"} & {*describe_faces(sparse)["networks"]}


def test_a_faceset_of_another_video_is_an_error_before_the_first_pass(sparse, tmp_path):
    (other,) = find_sources([write_clip(tmp_path / "other.mp4", 6)])
    counted: list[int] = []
    with pytest.raises(FacesetError, match="Expected a faceset of"):
        convert_source(
            other, tmp_path / "out.mp4", swapper(), faceset=sparse, on_frames=counted.append
        )
    assert counted == []


def test_shards_share_the_first_pass(source, sparse, expected, tmp_path):
    outputs = name_outputs(source, tmp_path / "out.mp4")
    job = ConvertJob(source, outputs, swapper(), sparse, LOSSLESS, open_identity())
    reports = [convert_shard(job, Shard(number, 2)) for number in (1, 2)]
    assert reports[-1].faces_swapped == FRAMES
    np.testing.assert_array_equal(frames_of(tmp_path / "out.mp4"), expected)


def convert(clip: str, output: str, faceset: str) -> None:
    """What a child process does: it writes how many frames it has done."""
    segments.LENGTH, segments.LEAD = LENGTH, LEAD

    def tell(frames: int) -> None:
        print(frames, flush=True)

    (source,) = find_sources([Path(clip)])
    given = Faceset.open(Path(faceset))
    convert_source(source, Path(output), swapper(), faceset=given, encode=LOSSLESS, on_frames=tell)


def test_the_first_pass_resumes_after_a_kill(source, sparse, tmp_path):
    code = "import sys; from tests.conversion.test_sparse_pipeline import convert as c; "
    line, whole = (
        [
            sys.executable,
            "-c",
            f"{code}c(*sys.argv[1:])",
            *map(str, (source.path, out, sparse.path)),
        ]
        for out in (tmp_path / "out.mp4", tmp_path / "whole.mp4")
    )
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        done = 0
        while done < LENGTH + LEAD + 6:  # those that a gap may have, and one more
            done += int(process.stdout.readline())
        process.kill()
    assert not (tmp_path / "out.mp4").exists()
    again = subprocess.run(line, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
    counts = [int(count) for count in again.stdout.split() if int(count)]
    assert LENGTH + LEAD in counts[:2]  # done by the first run
    assert sum(counts) == 2 * FRAMES
    subprocess.run(whole, stdout=subprocess.DEVNULL, cwd=ROOT, check=True)
    found = frames_of(tmp_path / "out.mp4")
    np.testing.assert_array_equal(found, frames_of(tmp_path / "whole.mp4"))
    assert all(changed(source, found))
