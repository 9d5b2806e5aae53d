"""Conversions that are killed at random moments, and repeated until they are complete."""

import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.video import conversion
from faceswap.conversion.video.segments import plan_segments
from faceswap.core.errors import MediaError
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources
from faceswap.media.video import probe
from faceswap.provenance.file_provenance import read_provenance
from tests.conversion.test_pipeline import swapper
from tests.conversion.video.test_conversion import packets

FRAMES = 60
LENGTH = 8
KILLS = 10
ROOT = Path(__file__).resolve().parents[2]


def convert(clip: Path, output: Path, faceset: Path | None, begins: Event) -> None:
    """What a child process does: it says when it begins, and converts."""
    conversion.plan_segments = lambda table: plan_segments(table, LENGTH)
    begins.set()
    faces = Faceset.open(faceset) if faceset else None
    convert_source(find_sources([clip])[0], output, swapper(), faceset=faces)


@pytest.fixture
def start(clip, monkeypatch) -> Callable[[Path, Path | None], ForkServerProcess]:
    """Function that starts a conversion in a process of its own, and waits until it begins."""
    # Processes of this server have all modules: importing them takes longer than a conversion.
    context = multiprocessing.get_context("forkserver")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    context.set_forkserver_preload([__name__])

    def begin(output: Path, faceset: Path | None) -> ForkServerProcess:
        begins = context.Event()
        process = context.Process(target=convert, args=(clip, output, faceset, begins))
        process.start()
        assert begins.wait(120)
        return process

    return begin


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
@pytest.mark.parametrize(("suffix", "known"), [(".mp4", True), (".mkv", False)])
def test_a_conversion_survives_any_kill(start, faceset, tmp_path, suffix, known):
    own = faceset.path if known else None
    whole = tmp_path / "whole" / f"out{suffix}"
    process = start(whole, own)
    begun = time.monotonic()
    process.join()
    assert process.exitcode == 0
    duration = time.monotonic() - begun
    moments, kills, rounds, opened = random.Random(7), 0, 0, 0
    while kills < KILLS:
        rounds += 1
        output = tmp_path / f"round-{rounds}" / f"out{suffix}"
        # Chance may miss the moments at which a part is complete: the first kill waits for one.
        process = start(output, own)
        while process.is_alive() and not any(output.parent.rglob("segment-*.json")):
            time.sleep(0.01)
        while process.exitcode is None:
            process.kill()
            process.join()
            kills += 1
            opened += check_marks(output.parent)
            process = start(output, own)
            process.join(moments.uniform(0.05, 0.9) * duration)
        assert process.exitcode == 0
        assert packets(output) == packets(whole)
        assert {path.name for path in output.parent.iterdir()} == {
            path.name for path in whole.parent.iterdir()
        }
    assert opened, "no kill came when a part of the video was complete"
    print(f"{kills} kills in {rounds} conversions, {opened} signed files seen")
