"""Conversions of which several processes convert a shard each."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import Outputs, name_outputs
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.sharded import Shard, convert_shard
from faceswap.conversion.video import conversion
from faceswap.conversion.video.segments import plan_segments
from faceswap.core.errors import OutputBusyError, OutputExistsError
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.identity import open_identity
from tests.conversion.test_pipeline import swapper
from tests.conversion.video.test_conversion import Stopped, packets
from tests.footage import moving_portrait

FRAMES = 26
LENGTH = 8
SEGMENTS = 4
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def short_segments(monkeypatch) -> None:
    monkeypatch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, LENGTH))


def make_job(source: Path, output: Path, faces: Faceset | None, colour: str = "none") -> ConvertJob:
    (found,) = find_sources([source])
    outputs, parts = name_outputs(found, output), swapper(colour=colour)
    return ConvertJob(
        found, outputs, parts, faces or FaceFinding(), EncodeSettings(), open_identity()
    )


def convert(clip: str, output: str, number: str) -> None:
    """What a child process does: it says when it begins, and converts."""
    conversion.plan_segments = lambda table: plan_segments(table, LENGTH)
    print("ready", flush=True)
    convert_shard(make_job(Path(clip), Path(output), None), Shard(int(number), 2))


@contextmanager
def child(code: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """A process that has printed its first line; it ends at the end of its input, or is killed."""
    line, pipe = [sys.executable, "-c", code, *map(str, words)], subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


CONVERT = "import sys; from tests.conversion.test_sharded import convert; convert(*sys.argv[1:])"
HOLD = """
import sys
from pathlib import Path
from faceswap.core.locks import hold_file
with hold_file(Path(sys.argv[1]), "the work"):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def job(clip, faceset, tmp_path) -> ConvertJob:
    return make_job(clip, tmp_path / "out" / "out.mp4", faceset)


def check_result(job: ConvertJob, whole: Path) -> None:
    """Compares an output and its manifest with that of a conversion in one run."""
    assert packets(job.outputs.path) == packets(whole)
    found, expected = read_provenance(job.outputs.path), read_provenance(whole)
    assert (found.state, found.conversion) == ("intact", expected.conversion)
    assert {path.name for path in job.outputs.path.parent.iterdir()} == {
        path.name for path in whole.parent.iterdir()
    }


def test_each_unit_belongs_to_one_shard():
    for place in range(3):
        owners = [Shard(1, 3, place).owner(unit) for unit in range(6)]
        assert owners == [(place + unit) % 3 + 1 for unit in range(6)]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_shards_one_after_the_other_give_the_undivided_result(job, whole, order):
    first, last = (Shard(number, 2) for number in order)
    frames: list[int] = []
    report = convert_shard(job, first, on_frames=frames.append)
    assert report.missing == "2 of 4 segments are missing: run the other shards"
    assert sum(frames) == FRAMES
    assert not job.outputs.path.exists()
    assert len([*job.outputs.work.glob("segment-*.mp4")]) == SEGMENTS / 2
    again = convert_shard(job, first)
    assert (again.missing, again.frames_now) == (report.missing, 0)
    done = convert_shard(job, last)
    assert done.missing == ""
    assert (done.frames, done.frames_swapped, done.faces_swapped) == (FRAMES,) * 3
    assert report.frames_now + done.frames_now == FRAMES
    check_result(job, whole)
    assert replace(convert_shard(job, first), seconds=0) == replace(
        done, seconds=0, frames_now=0, rates={}
    )


def test_two_shards_at_once_give_the_undivided_result(clip, tmp_path, whole):
    job = make_job(clip, tmp_path / "out" / "out.mp4", None)
    with child(CONVERT, clip, job.outputs.path, 2) as process:
        convert_shard(job, Shard(1, 2))
        assert process.wait() == 0
    assert packets(job.outputs.path) == packets(whole)
    assert {path.name for path in job.outputs.path.parent.iterdir()} == {
        "out.mp4",
        "out.mp4.json",
    }


def test_a_shard_waits_for_the_faces_that_another_finds(clip, tmp_path):
    job = make_job(clip, tmp_path / "out.mp4", None)
    with child(HOLD, job.outputs.work / "faces") as holder:
        said = []

        def on_wait(text: str) -> None:
            said.append(text)
            assert holder.stdin is not None
            holder.stdin.close()

        assert convert_shard(job, Shard(1, 2), on_wait=on_wait).missing
        (line,) = said
        assert f"the work of process {holder.pid}" in line
        assert line.endswith("Waiting for it.")


def test_shards_and_a_run_of_all_exclude_each_other(job):
    with (
        child(HOLD, job.outputs.work / "shard 1 of 2") as holder,
        pytest.raises(OutputBusyError, match=f"process {holder.pid}"),
    ):
        job.run()
    with (
        child(HOLD, job.outputs.report) as holder,
        pytest.raises(OutputBusyError, match=f"process {holder.pid}"),
    ):
        convert_shard(job, Shard(2, 2))


@pytest.mark.parametrize("at", [1, LENGTH + 2])
def test_a_killed_shard_is_resumed(job, whole, at):
    convert_shard(job, Shard(2, 2))
    frames = [0]

    def count(done: int) -> None:
        # Those of the other shard are reported in one call, at the start.
        frames[0] += done
        if frames[0] > FRAMES / 2 + at:
            raise Stopped

    with pytest.raises(Stopped):
        convert_shard(job, Shard(1, 2), on_frames=count)
    assert not job.outputs.path.exists()
    assert convert_shard(job, Shard(1, 2)).missing == ""
    check_result(job, whole)


def test_a_run_without_shards_converts_what_is_missing(job, whole):
    part = convert_shard(job, Shard(1, 3))
    assert part.missing == "2 of 4 segments are missing: run the other shards"
    report = job.run()
    assert report.frames_now == FRAMES - part.frames_now
    check_result(job, whole)


def test_a_shard_without_segments_joins_what_others_made(job, whole):
    for number in range(1, SEGMENTS + 1):
        with job.outputs.hold():
            assert convert_shard(job, Shard(number, 5)).missing
    report = convert_shard(job, Shard(5, 5))
    assert (report.missing, report.frames_now, report.faces_swapped) == ("", 0, FRAMES)
    check_result(job, whole)


def test_shards_of_other_settings_are_refused(job, clip, faceset):
    convert_shard(job, Shard(1, 2))
    other = make_job(clip, job.outputs.path, faceset, colour="mean")
    with pytest.raises(OutputExistsError, match="other settings"):
        convert_shard(other, Shard(2, 2))
    assert len([*job.outputs.work.glob("segment-*.mp4")]) == SEGMENTS / 2


def test_a_shard_has_one_writer(job, clip, faceset):
    def meanwhile(_frames: int) -> None:
        convert_shard(make_job(clip, job.outputs.path, faceset), Shard(1, 2))

    with pytest.raises(OutputBusyError, match="shard 1 of 2 of the conversion of process"):
        convert_shard(job, Shard(1, 2), on_frames=meanwhile)


def test_what_another_process_joins_is_left_to_it(job, whole):
    convert_shard(job, Shard(1, 2))
    with job.outputs.hold():
        report = convert_shard(job, Shard(2, 2))
    assert report.missing == "another process joins the segments"
    assert convert_shard(job, Shard(1, 2)).missing == ""
    check_result(job, whole)


def test_what_another_process_has_joined_is_kept(job, whole, monkeypatch):
    convert_shard(job, Shard(1, 2))
    hold, others = Outputs.hold, [Shard(1, 2)]

    @contextmanager
    def late(outputs: Outputs):
        if others:
            assert convert_shard(job, others.pop()).missing == ""
        with hold(outputs):
            yield

    monkeypatch.setattr(Outputs, "hold", late)
    report = convert_shard(job, Shard(2, 2))
    assert (report.missing, report.frames, report.faces_swapped) == ("", FRAMES, FRAMES)
    check_result(job, whole)


def test_numbered_images_are_written_in_shards(clip, faceset, tmp_path):
    one = make_job(clip, tmp_path / "one" / "%02d.png", faceset)
    one.run()
    two = make_job(clip, tmp_path / "two" / "%02d.png", faceset)
    assert convert_shard(two, Shard(2, 2)).missing
    assert len(list(two.outputs.path.iterdir())) in range(1, FRAMES)
    assert convert_shard(two, Shard(1, 2)).missing == ""
    names = sorted(path.name for path in one.outputs.path.iterdir())
    assert names == sorted(path.name for path in two.outputs.path.iterdir())
    assert len(names) == FRAMES


def test_photos_belong_to_one_shard(tmp_path):
    write_image(tmp_path / "photo.png", moving_portrait(0))
    job = make_job(tmp_path / "photo.png", tmp_path / "out.png", None)
    left = convert_shard(job, Shard(1, 2, place=1))
    assert (left.missing, job.outputs.path.exists()) == ("left to shard 2 of 2", False)
    assert convert_shard(job, Shard(2, 2, place=1)).faces_swapped == 1
    assert job.outputs.path.exists()
