"""Decoding outside training."""

import torch

from faceswap.conversion.faces.source_faces import batch_guides
from faceswap.models.inference import decode
from tests.conversion.guided import SIDE, face_at, guidance_to, synthetic_people


def test_guided_models_decode_at_the_size_of_training():
    loaded, faces = synthetic_people(), torch.full((1, 3, 2 * SIDE, 2 * SIDE), 0.3)
    guides = batch_guides(guidance_to("bob", loaded).guide_photo([face_at()]))
    shown = decode(loaded.model, faces, "bob", bf16=False, guides=guides)
    small = torch.full((1, 3, SIDE, SIDE), 0.3)
    expected = loaded.model.swap(small, "bob", guides, SIDE).face
    torch.testing.assert_close(shown, expected)
