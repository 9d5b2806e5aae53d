"""Conversions that are killed at random moments, and repeated until they are complete."""

import multiprocessing
import os
import random
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from faceswap.conversion import video
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.segments import plan_segments
from faceswap.core.errors import MediaError
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources
from faceswap.media.video import probe
from faceswap.provenance.file_provenance import read_provenance
from tests.conversion.test_pipeline import swapper
from tests.conversion.test_video import packets

FRAMES = 60
LENGTH = 8
KILLS = 20


def convert(clip: Path, output: Path, faceset: Path | None) -> None:
    video.plan_segments = lambda table: plan_segments(table, LENGTH)
    faces = None if faceset is None else Faceset.open(faceset)
    convert_source(find_sources([clip])[0], output, swapper(), faceset=faces)


def start(clip: Path, output: Path, faceset: Path | None) -> BaseProcess:
    # Forked: the imports would take longer than the conversion.
    process = multiprocessing.get_context("fork").Process(
        target=convert, args=(clip, output, faceset)
    )
    process.start()
    return process


def check_marks(folder: Path) -> int:
    """Checks that each video that can be opened is signed; returns their number."""
    opened = 0
    for file in folder.rglob("*"):
        if file.suffix not in (".mp4", ".mkv") or file.name == "clip.mp4":
            continue
        try:
            probe(file)
        except MediaError:
            continue
        opened += 1
        found = read_provenance(file)
        assert (found.state, found.synthetic) == ("intact", True), file
    return opened


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks processes and kills them")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("known", [True, False], ids=["faceset", "first pass"])
def test_a_conversion_survives_any_kill(clip, faceset, tmp_path, suffix, known):
    own = faceset.path if known else None
    whole = tmp_path / "whole" / f"out{suffix}"
    begun = time.monotonic()
    process = start(clip, whole, own)
    process.join()
    duration = time.monotonic() - begun
    assert process.exitcode == 0
    moments, kills, rounds, opened = random.Random(7), 0, 0, 0
    while kills < KILLS // 4 + 1:
        rounds += 1
        output = tmp_path / f"round-{rounds}" / f"out{suffix}"
        process = start(clip, output, own)
        while process.exitcode is None:
            process.join(moments.uniform(0.05, 0.6) * duration)
            if process.exitcode is None:
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                process.join()
                kills += 1
                opened += check_marks(output.parent)
                process = start(clip, output, own)
        assert process.exitcode == 0
        assert packets(output) == packets(whole)
        assert {path.name for path in output.parent.iterdir()} == {
            path.name for path in whole.parent.iterdir()
        }
    print(f"{kills} kills in {rounds} conversions, {opened} signed files seen")
