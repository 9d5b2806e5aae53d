"""Clips with one face, and their facesets."""

from pathlib import Path

import pytest

from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources
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
