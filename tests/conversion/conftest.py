"""Clips with one face, and their facesets."""

from pathlib import Path

import pytest

from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.video import conversion
from faceswap.conversion.video.segments import plan_segments
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources
from tests.conversion.test_pipeline import swapper
from tests.footage import write_clip


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
