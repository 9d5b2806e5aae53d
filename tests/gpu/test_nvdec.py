"""Decoding with NVDEC against PyAV; run with ``pytest -m gpu``."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.nvdec_check import MOST_DIFFERENT, NotForNvdecError, check_video
from faceswap.media.nvdec_library import NvdecUnavailableError, check_nvdec
from faceswap.media.nvdec_video import NvdecReader
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from tests.decoded_frames import differences
from tests.footage import write_clip
from tests.media.conftest import write_video

DEVICE = "cuda"
SIZE = (320, 192)  # above the smallest size of every codec


@pytest.fixture(autouse=True)
def nvdec() -> None:
    try:
        check_nvdec(DEVICE)
    except NvdecUnavailableError as error:
        pytest.skip(f"{error.reason}: {error.remedy}")


pytestmark = pytest.mark.gpu
VFR = [2 * i + i % 2 for i in range(30)]
CLIPS: dict[str, dict[str, Any]] = {
    "B frames": {"options": {"bf": "3", "g": "12", "sc_threshold": "0"}},
    "open GOP": {"options": {"bf": "3", "g": "12", "x264-params": "open-gop=1:scenecut=0"}},
    "variable rate": {"options": {"bf": "2"}, "pts": VFR, "time_base": Fraction(1, 50)},
    "rotated": {"rotation": 90},
    "rotated the other way": {"rotation": -90},
    "upside down": {"rotation": 180},
    "BT.709": {"colour": (1, 1)},
    "BT.709, full range": {"colour": (1, 2)},
    "BT.601": {"colour": (6, 1)},
    "BT.601, full range": {"colour": (6, 2)},
    "untagged, 1080p": {"size": (1920, 1080), "frames": 12},
    "odd number of blocks": {"size": (326, 182)},
    "Matroska": {"name": "a.mkv", "options": {"bf": "3", "g": "12"}},
    "H.265": {"codec": "libx265", "options": {"x265-params": "keyint=12:log-level=none"}},
    "VP9": {"codec": "libvpx-vp9", "name": "a.webm", "options": {"auto-alt-ref": "1"}},
    "AV1": {"codec": "libsvtav1", "options": {"preset": "10", "g": "12"}},
}


@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_those_of_pyav(name: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"size": SIZE, **CLIPS[name]}
    path = write_video(tmp_path / settings.pop("name", "a.mp4"), **settings)
    try:
        video, difference = check_video(path, DEVICE)
    except NotForNvdecError as error:
        pytest.fail(f"not decoded with NVDEC: {error}")
    print(f"{name}: mean difference {difference:.2f} of 255")
    for start in (0, 7, 17):
        found = differences(NvdecReader(video, start), VideoReader(path, start), MOST_DIFFERENT)
        assert not found, f"from frame {start} on:\n" + "\n".join(found[:12])


def test_the_bound_holds_on_a_photograph(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 30)
    video, difference = check_video(path, DEVICE)
    print(f"portrait: mean difference {difference:.2f} of 255")
    assert not differences(NvdecReader(video), VideoReader(path), MOST_DIFFERENT)


def test_videos_of_almost_the_same_size_do_not_mix(tmp_path: Path) -> None:
    for height in (532, 530, 528):
        path = write_video(tmp_path / f"{height}.mp4", size=(640, height), frames=6)
        video, _ = check_video(path, DEVICE)
        found = differences(NvdecReader(video), VideoReader(path), MOST_DIFFERENT)
        assert not found, f"{height} lines:\n" + "\n".join(found)


def test_extraction_finds_the_same_faces(tmp_path: Path) -> None:
    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 40)])
    reports = {
        decoder: extract_source(
            source, tmp_path / decoder, ExtractSettings(video_decoder=decoder), device=DEVICE
        )
        for decoder in ("auto", "pyav")
    }
    assert "with NVDEC (" in reports["auto"].notes[0], reports["auto"].notes
    ours, theirs = (Faceset.open(tmp_path / decoder) for decoder in reports)
    assert ours.record["extractor"]["video_decoder"] == "nvdec"
    assert "video_decoder" not in theirs.record["extractor"]
    for face, expected in zip(ours.faces(), theirs.faces(), strict=True):
        assert (face.frame, face.pts) == (expected.frame, expected.pts)
        moved = np.abs(face.landmarks - expected.landmarks)
        assert moved.max() < 1.5, f"frame {face.frame}: landmarks moved by {moved.max():.2f} px"
