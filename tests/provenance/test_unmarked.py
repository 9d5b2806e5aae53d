"""At no moment does the disk hold a synthetic file that opens without its own manifest."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import av
import numpy as np
import pytest
from av.error import FFmpegError

from faceswap.core import held_file
from faceswap.core.hashed_file import HashedFile
from faceswap.core.held_file import HeldFile
from faceswap.media.encoder_table import ENCODERS
from faceswap.media.encoders import VideoEncoding, usable_encoders
from faceswap.media.images import read_image, write_image
from faceswap.media.muxers import find_muxer
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.media.writer import VideoWriter
from faceswap.models.model_file import ModelMeta
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.metadata import SYNTHETIC
from faceswap.training.monitoring.preview_writer import PreviewWriter
from tests.footage import moving_portrait

EVENTS = ("open", "os.rename", "os.remove")
_on_event = None


def _hook(event, _arguments):
    if _on_event is not None and event in EVENTS:
        _on_event()


sys.addaudithook(_hook)


def opens(path):
    """Whether FFmpeg or the readers of images can open a file, whatever its name."""
    try:
        with av.open(str(path)) as container:
            if container.streams.video and next(container.decode(video=0), None) is not None:
                return True
    except (FFmpegError, StopIteration):
        pass
    try:
        read_image(path)
    except Exception:
        return False
    return True


def unmarked(folder):
    """Files of a folder that open and have no manifest."""
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".c2pa"]
    return [path for path in files if opens(path) and read_provenance(path).state != "intact"]


@pytest.fixture
def watched(monkeypatch):
    """Checks a folder at every file-system event and every write; gives what was found."""

    def watch(folder):
        found, moments = [], []

        def look():
            global _on_event
            saved, _on_event = _on_event, None
            found.extend(unmarked(folder))
            moments.append(len(list(folder.iterdir())))
            _on_event = saved

        for name in ("write", "release", "close"):
            real = getattr(HeldFile, name)

            def before(self, *arguments, real=real):
                look()
                return real(self, *arguments)

            monkeypatch.setattr(HeldFile, name, before)
        globals()["_on_event"] = look
        return found, moments

    yield watch
    globals()["_on_event"] = None


@pytest.mark.parametrize(
    "name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.ts", "a.mpg", "a.flv", "a.avi"]
)
def test_every_moment_of_a_video(watched, signer, clip, tmp_path, monkeypatch, name):
    # Small enough that most of these short clips is on the disk.
    monkeypatch.setattr(held_file, "HELD", 1024)
    reader = VideoReader(clip)
    assert opens(clip)
    found, moments = watched(tmp_path)
    for _ in range(2):  # the second time over the first
        with VideoWriter(
            tmp_path / name,
            reader.info,
            metadata=SYNTHETIC,
            sign=signer.for_sources(HashedFile.of(clip)),
        ) as writer:
            for frame in reader:
                writer.write(frame.image, frame.pts)
    assert len(moments) > 20
    assert found == []
    assert read_provenance(tmp_path / name).synthetic
    assert len(list(tmp_path.iterdir())) == (1 if name.endswith(("mp4", "mov", "avi")) else 2)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_every_write_of_a_release_leaves_a_marked_file(signer, clip, tmp_path, monkeypatch, name):
    monkeypatch.setattr(held_file, "HELD", 1024)
    monkeypatch.setattr(held_file, "_CHUNK", 8192)
    reader, seen = VideoReader(clip), []
    release, write = HeldFile.release, HeldFile._write_all

    def released(self):
        def watched(self, at, view):
            write(self, at, view)
            opened = [path for path in tmp_path.iterdir() if path.suffix != ".c2pa" and opens(path)]
            seen.append([(path.name, read_provenance(path).synthetic) for path in opened])

        monkeypatch.setattr(HeldFile, "_write_all", watched)
        release(self)

    monkeypatch.setattr(HeldFile, "release", released)
    sign = signer.for_sources(HashedFile.of(clip))
    with VideoWriter(
        tmp_path / name, reader.info, encoding=VideoEncoding("mpeg4"), sign=sign
    ) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts)
    assert len(seen) > 4
    assert [pair for moment in seen for pair in moment if not pair[1]] == []
    assert seen[-1]
    found = read_provenance(tmp_path / name)
    assert (found.state, found.synthetic) == ("intact", True)
    assert len(list(tmp_path.iterdir())) == (1 if name.endswith(("mp4", "avi")) else 2)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_no_codec_is_recognised_without_the_beginning(tmp_path, encoder, suffix):
    whole, left = tmp_path / f"a{suffix}", tmp_path / f"left{suffix}"
    with av.open(os.devnull, "w", format=find_muxer(whole).name) as output:
        if encoder not in usable_encoders(output.supported_codecs):
            pytest.skip("no such encoder on this machine or in this container")
    noise = np.random.default_rng(5)

    def copy(file, _final):
        shutil.copy(file.path, left)
        file.release()
        return ()

    info = VideoInfo.for_new(256, 256, 25)
    encoding = VideoEncoding(encoder)
    with VideoWriter(whole, info, encoding=encoding, sign=copy) as writer:
        for index in range(12):
            writer.write(noise.integers(0, 256, (256, 256, 3), np.uint8), index)
    assert opens(whole)
    assert left.stat().st_size == whole.stat().st_size > 2 * held_file.HELD
    assert not opens(left)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp"])
def test_every_moment_of_a_photo(watched, signer, clip, tmp_path, name):
    found, moments = watched(tmp_path)
    for shift in range(2):
        write_image(
            tmp_path / name, moving_portrait(shift), sign=signer.for_sources(HashedFile.of(clip))
        )
    assert len(moments) > 10
    assert found == []


def test_every_moment_of_a_preview(watched, tmp_path):
    previews = PreviewWriter(tmp_path, ModelMeta("small", {}, ("alice", "bob"), 1.25, 0, {}))
    found, moments = watched(tmp_path)
    for step in (0, 500, 500):
        previews.write(moving_portrait(step), step)
    assert len(moments) > 10
    assert found == []


def test_a_sidecar_of_a_previous_file_goes_with_it(watched, signer, clip, tmp_path):
    write_image(
        tmp_path / "a.bmp", moving_portrait(0), sign=signer.for_sources(HashedFile.of(clip))
    )
    (tmp_path / "a.bmp").rename(tmp_path / "a.png")
    (tmp_path / "a.bmp.c2pa").rename(tmp_path / "a.png.c2pa")
    found, _ = watched(tmp_path)
    write_image(
        tmp_path / "a.png", moving_portrait(1), sign=signer.for_sources(HashedFile.of(clip))
    )
    assert found == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


PROGRAM = """
import sys
from pathlib import Path
from faceswap.core.hashed_file import HashedFile
from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from faceswap.provenance.identity import open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.signing import ManifestSigner

clip, out = map(Path, sys.argv[1:])
sign = ManifestSigner(open_identity(), Conversion({}, ["b"], {})).for_sources(HashedFile.of(clip))
reader = VideoReader(clip)
frames = list(reader)
with VideoWriter(out, reader.info, sign=sign) as writer:
    print("begun", flush=True)
    for turn in range(40):
        for frame in frames:
            writer.write(frame.image, frame.pts + turn * 512 * len(frames))
"""


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("wait", [0.0, 0.2, 0.5])
def test_a_killed_writer_leaves_nothing_that_plays(clip, tmp_path, name, wait):
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(clip), str(tmp_path / name)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
    assert unmarked(tmp_path) == []
