"""From footage to a converted file with a landmarker of 68 points only."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from face_alignment.models import FAN

import faceswap.cli
from faceswap.conversion.pipeline import convert_source
from faceswap.core.command_line import run_program
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from tests.conversion.test_pipeline import swapper
from tests.footage import moving_portrait, write_clip
from tests.random_weights import use_random_fan, write_random_fan

FRAMES = 6


def mean_face_heatmaps() -> torch.Tensor:
    """Heatmaps (68, 64, 64) of a frontal face that fills its region as FAN's regions are cut."""
    face = MEAN_FACE[:, :2]
    low, high = face.min(0), face.max(0)
    scale = 64 * 195 / 200 / (high - low).sum()
    points = scale * (face - (low + high) / 2) + [32, 32 + 0.12 * scale * (high - low)[1]]
    y, x = np.mgrid[:64, :64] + 0.5
    apart = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    return torch.from_numpy(0.9 * np.exp(-apart / 8)).float()


@pytest.fixture
def fan_sees_the_mean_face(tmp_path, monkeypatch) -> None:
    """Random weights through resolver and loader; the network then sees a face anywhere."""
    use_random_fan(write_random_fan(tmp_path / "torch"), monkeypatch)
    heatmaps = mean_face_heatmaps()
    monkeypatch.setattr(FAN, "forward", lambda _, x: [heatmaps.expand(len(x), -1, -1, -1).clone()])


@pytest.mark.usefixtures("fan_sees_the_mean_face")
def test_a_clip_is_extracted_and_converted_without_meshes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", FRAMES)
    with pytest.raises(SystemExit) as ended:
        run_program(
            "faceswap", faceswap.cli.VERBS, "0", ["extract", "clip.mp4", "--landmarker=fan"]
        )
    assert not ended.value.code

    faceset = Faceset.open(tmp_path / "faces" / "clip")
    assert pq.read_table(faceset.path / "faces.parquet")["mesh"].null_count == FRAMES
    assert [face.track for face in faceset.faces()] == [0] * FRAMES
    assert list(faceset.record["extractor"]["weights"]) == ["blazeface_full", "fan"]
    # The portrait's face lies around (128, 90), see test_pipeline.
    middles = np.stack([face.landmarks.mean(0) for face in faceset.faces()])
    assert np.abs(middles - [128, 90]).max() < 40

    source = find_sources([clip])[0]
    report = convert_source(source, tmp_path / "out.mp4", swapper(), faceset=faceset)
    assert report.faces_swapped == FRAMES
    changed = next(iter(VideoReader(tmp_path / "out.mp4"))).image.astype(int) - moving_portrait(0)
    x, y = middles[0].round().astype(int)
    assert np.abs(changed[y - 5 : y + 5, x - 5 : x + 5]).mean() > 40
