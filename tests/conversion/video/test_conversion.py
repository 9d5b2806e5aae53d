"""Conversions of videos that are interrupted and resumed."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.video import conversion
from faceswap.conversion.video.conversion import VideoConversion, VideoResult
from faceswap.conversion.video.segments import plan_segments
from faceswap.core.errors import MediaError, SourceChangedError
from faceswap.media.encoders import VideoEncoding
from faceswap.media.frame_table import FrameTable
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from faceswap.provenance.file_provenance import read_provenance
from tests.conversion.test_pipeline import swapper
from tests.footage import undecodable

FRAMES = 26
LENGTH = 8


class Stopped(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def short_segments(monkeypatch) -> None:
    def plan(table: FrameTable) -> list:
        return plan_segments(table, LENGTH)

    monkeypatch.setattr(conversion, "plan_segments", plan)


@pytest.fixture
def source(clip) -> Source:
    return find_sources([clip])[0]


def frames_of(path: Path) -> np.ndarray:
    return np.stack([frame.image for frame in VideoReader(path)])


def packets(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(p.pts, p.dts, bytes(p)) for p in container.demux(video=0) if p.size]


def stopping(at: int) -> Callable[[int], None]:
    """A callback that ends the conversion at its n-th call."""
    calls = iter(range(at))

    def count(_frames: int) -> None:
        if next(calls, None) is None:
            raise Stopped

    return count


def work_of(source: Source, output: Path) -> Path:
    return name_outputs(source, output).work


def test_segments_do_not_show_in_the_result(whole, source, clip, faceset, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, 250))
    lossless = EncodeSettings(VideoEncoding("ffv1"))
    pair = {}
    for name, length in (("one", 250), ("many", LENGTH)):
        monkeypatch.setattr(
            conversion, "plan_segments", lambda t, length=length: plan_segments(t, length)
        )
        pair[name] = tmp_path / f"{name}.mkv"
        convert_source(source, pair[name], swapper(), faceset=faceset, encode=lossless)
    np.testing.assert_array_equal(frames_of(pair["one"]), frames_of(pair["many"]))
    assert [frame.pts for frame in VideoReader(whole)] == [f.pts for f in VideoReader(clip)]


@pytest.mark.parametrize("at", [1, 5, LENGTH + 1, 2 * LENGTH + 3, FRAMES])
def test_an_interrupted_conversion_is_resumed(whole, source, faceset, tmp_path, monkeypatch, at):
    output = tmp_path / "out.mp4"
    with pytest.raises(Stopped) as caught:
        convert_source(source, output, swapper(), faceset=faceset, on_frames=stopping(at))
    assert caught.value.__traceback__  # which keeps what the stopped functions used
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]
    assert not output.exists()
    finished = sorted(work_of(source, output).glob("segment-*.mp4"))
    assert len(finished) == (at - 1) // LENGTH
    for file in finished:
        found = read_provenance(file)
        assert (found.state, found.synthetic) == ("intact", True)
    states = [file.stat() for file in finished]
    joined: list[os.stat_result] = []
    finish = VideoConversion.finish

    def look(self: VideoConversion, *rest: Any, **options: Any) -> VideoResult:
        joined.extend(file.stat() for file in finished)
        return finish(self, *rest, **options)

    monkeypatch.setattr(VideoConversion, "finish", look)
    count: list[int] = []
    report = convert_source(source, output, swapper(), faceset=faceset, on_frames=count.append)
    assert report.frames == FRAMES == sum(count)
    assert report.frames_now == FRAMES - LENGTH * len(finished)
    assert (report.faces_swapped, report.frames_swapped) == (FRAMES, FRAMES)
    for before, after in zip(states, joined, strict=True):
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert packets(output) == packets(whole)
    assert not work_of(source, output).exists()


def test_a_damaged_or_incomplete_segment_is_made_again(whole, source, faceset, tmp_path):
    output = tmp_path / "out.mp4"
    with pytest.raises(Stopped):
        convert_source(source, output, swapper(), faceset=faceset, on_frames=stopping(FRAMES))
    first, second, third = sorted(work_of(source, output).glob("segment-*.json"))
    first.write_text("{")
    second.unlink()
    third.with_suffix(".mp4").unlink()
    report = convert_source(source, output, swapper(), faceset=faceset)
    assert report.frames_now == FRAMES
    assert packets(output) == packets(whole)


@pytest.mark.parametrize("change", ["settings", "source", "arithmetic"])
def test_segments_of_another_conversion_are_removed(source, faceset, tmp_path, monkeypatch, change):
    output, to = tmp_path / "out.mp4", swapper(to="alice")
    if change == "source":
        clip = Path(shutil.copy(source.path, tmp_path / "in.mp4"))
        clip.write_bytes(clip.read_bytes() + b"x")
        (other,), own, to = find_sources([clip]), None, swapper()
    else:
        other, own = source, faceset
    if change == "arithmetic":
        to = swapper()
        monkeypatch.setattr(Swapper, "arithmetic", "cuda bf16")
    at = stopping((1 if own else FRAMES) + LENGTH)
    with pytest.raises(Stopped):
        convert_source(other, output, to, faceset=own, on_frames=at)
    monkeypatch.undo()
    monkeypatch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, LENGTH))
    report = convert_source(source, output, swapper(), faceset=faceset)
    assert report.frames_now == FRAMES


def test_arithmetic_is_that_of_the_device(monkeypatch):
    ours = swapper()
    for bf16, name in ((True, "cpu bf16"), (False, "cpu fp32")):
        monkeypatch.setattr("faceswap.conversion.swap.swapper.supports_bf16", lambda _, b=bf16: b)
        assert ours.arithmetic == name
    ours.loaded.model.to("meta")
    assert Swapper(ours.loaded, ours.parts).arithmetic == "meta fp32"


def test_a_segment_that_cannot_be_decoded_does_not_move_those_after_it(clip, tmp_path):
    damaged = undecodable(clip, tmp_path / "damaged.mp4", range(LENGTH, 2 * LENGTH))
    output = tmp_path / "out.mp4"
    report = convert_source(find_sources([damaged])[0], output, swapper())
    assert report.frames == FRAMES - LENGTH
    assert [frame.pts for frame in VideoReader(output)] == [
        frame.pts for frame in VideoReader(damaged)
    ]
    with av.open(str(output)) as ours, av.open(str(clip)) as theirs:
        kept, sound = ([bytes(p) for p in file.demux(audio=0) if p.size] for file in (ours, theirs))
    assert kept == sound


def test_faces_that_were_found_before_the_interruption_are_kept(source, tmp_path, whole):
    output = tmp_path / "out.mp4"
    with pytest.raises(Stopped):
        convert_source(source, output, swapper(), on_frames=stopping(FRAMES + LENGTH + 3))
    rows = work_of(source, output) / "faces" / "faces.parquet"
    state = rows.stat()
    with pytest.raises(Stopped):
        convert_source(source, output, swapper(), on_frames=stopping(4))
    assert rows.stat() == state
    convert_source(source, output, swapper())
    np.testing.assert_array_equal(frames_of(output), frames_of(whole))
    assert not work_of(source, output).exists()


def test_a_killed_writer_leaves_nothing_that_can_be_played(source, faceset, tmp_path, monkeypatch):
    output, copied = tmp_path / "out.mp4", tmp_path / "copied"
    finish = VideoWriter._finish

    def copy(self: VideoWriter) -> None:
        finish(self)
        shutil.copytree(work_of(source, output), copied)
        raise Stopped

    monkeypatch.setattr(VideoWriter, "_finish", copy)
    with pytest.raises(Stopped):
        convert_source(source, output, swapper(), faceset=faceset)
    (left,) = copied.glob(".tmp-*.mp4")
    with pytest.raises(MediaError):
        list(VideoReader(left))


def test_wrong_options_of_the_encoder_are_told_before_the_faces_are_found(source, tmp_path):
    count: list[int] = []
    encode = EncodeSettings(VideoEncoding("libx264", preset="nonsense"))
    with pytest.raises(MediaError, match="cannot be started"):
        convert_source(
            source, tmp_path / "out.mp4", swapper(), encode=encode, on_frames=count.append
        )
    assert not count
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_changes_is_not_resumed(clip, faceset, tmp_path):
    path = Path(shutil.copy(clip, tmp_path / "in.mp4"))
    (source,) = find_sources([path])
    calls = iter(range(LENGTH + 2))

    def change(_frames: int) -> None:
        if next(calls, None) == LENGTH + 1:
            path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(SourceChangedError):
        convert_source(source, tmp_path / "out.mp4", swapper(), faceset=faceset, on_frames=change)
    assert not (tmp_path / "out.mp4").exists()
