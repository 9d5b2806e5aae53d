"""Clips with one face and their facesets, and the verb with a model that needs no training."""

from collections.abc import Callable
from pathlib import Path

import pytest

import faceswap.cli
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.video import conversion
from faceswap.conversion.video.segments import plan_segments
from faceswap.core.command_line import run_program
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from faceswap.models.registry import models
from tests.conversion.shades import shades, write_run
from tests.conversion.test_pipeline import swapper
from tests.footage import moving_portrait, write_clip


@pytest.fixture(scope="module")
def clip(request, tmp_path_factory) -> Path:
    """A clip of the number of frames that the module names ``FRAMES``."""
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", request.module.FRAMES)


@pytest.fixture(scope="module")
def faceset(clip, tmp_path_factory) -> Faceset:
    """The faceset of the clip."""
    directory = tmp_path_factory.mktemp("faces") / "clip"
    extract_source(find_sources([clip])[0], directory, ExtractSettings())
    return Faceset.open(directory)


@pytest.fixture(scope="module")
def whole(request, clip, faceset, tmp_path_factory) -> Path:
    """The clip after an undisturbed conversion in segments of the module's ``LENGTH``."""
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    length = request.module.LENGTH
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, length))
        convert_source(find_sources([clip])[0], output, swapper(), faceset=faceset)
    return output


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run of ``tests.conversion.shades``."""
    monkeypatch.setitem(models._entries, "shades", shades)
    return write_run(tmp_path / "run")


@pytest.fixture
def command(capsys) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the verb: exit code, and what was printed to either stream."""

    def work(*arguments: object) -> tuple[int, str, str]:
        line = ["convert", *map(str, arguments)]
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", line)
        printed = capsys.readouterr()
        out, err = (" ".join(text.split()) for text in (printed.out, printed.err))
        return int(ended.value.code or 0), out, err

    return work


@pytest.fixture
def convert(tmp_path, command) -> Callable[..., tuple[int, str]]:
    """A function that converts a photo to the decoded colours: exit code, and what was printed."""
    write_image(tmp_path / "photo.png", moving_portrait(0))
    plain = ("--colour", "none", "--blend", "alpha")

    def work(*arguments: object) -> tuple[int, str]:
        code, *printed = command(tmp_path / "photo.png", "--to", "bob", *plain, *arguments)
        return code, " ".join(printed)

    return work
