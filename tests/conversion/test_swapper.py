"""Faces of frames in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from faceswap.conversion import swapper
from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.faces import SourceFace
from faceswap.conversion.mask_edge import MaskEdge
from faceswap.conversion.swapper import Swapper
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta
from tests.conversion.test_compositing import landmarks_at, smooth_image

LEFT, RIGHT = (SourceFace(landmarks_at(x, 100, 80)) for x in (100, 185))


class Mean(nn.Module):
    """Decoder that shows the mean colour of the whole crop."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(8.0))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        means = self.gain * (faces.mean((2, 3), keepdim=True) - 0.5)
        return means.expand(-1, -1, 64, 64)


def swapped(*faces: SourceFace) -> np.ndarray:
    model = FaceAutoencoder(nn.Identity(), nn.Identity(), {"a": Mean(), "b": Mean()}, 64, 64).eval()
    loaded = LoadedModel(model, ModelMeta("mean", {}, ("a", "b"), 2.0, 0), "0" * 64, Path("model"))
    frame = smooth_image(200, 300)
    Swapper(loaded, "b", CompositeSettings(colour="none", edge=MaskEdge(3)))([frame], [faces])
    return frame


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("faces", [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_a_face_does_not_see_those_that_were_swapped_beside_it(faces, at_once, monkeypatch):
    """The crops overlap, the masks do not."""
    monkeypatch.setattr(swapper, "_BATCH_PIXELS", at_once * 64**2)
    both, border = swapped(*faces), 142
    np.testing.assert_array_equal(both[:, :border], swapped(LEFT)[:, :border])
    np.testing.assert_array_equal(both[:, border:], swapped(RIGHT)[:, border:])
    assert (both != smooth_image(200, 300)).any(2).sum() > 4000


def test_colours_are_matched_where_the_crop_is_in_the_frame(monkeypatch):
    seen = []

    def match(faces, crops, masks, coverage, settings, visible):
        seen.append(visible.mean().item())
        return faces

    monkeypatch.setattr(swapper, "match_colour", match)
    swapped(SourceFace(landmarks_at(150, 100, 60)))
    swapped(SourceFace(landmarks_at(0, 100, 60)))
    assert seen == [1, pytest.approx(0.5, abs=0.05)]
