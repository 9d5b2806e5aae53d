"""References and guides of synthetic faces, for guided models."""

import cv2
import numpy as np
import torch

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.guides import SLOTS, Guides
from faceswap.models.references import MASK_SIDE, References, ReferenceSet
from tests.meshes import face_mesh


def reference_set(count: int = 5, side: int = 64, seed: int = 0) -> ReferenceSet:
    """References of smooth noise, each with the mouth open another way."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 255, (count, 8, 8, 3)).astype(np.uint8)
    crops = [cv2.resize(each, (side, side), interpolation=cv2.INTER_CUBIC) for each in noise]
    neutral = face_mesh()
    expression = np.stack([face_mesh(opening=0.05 * i) for i in range(count)]) - neutral
    return ReferenceSet(
        np.stack(crops),
        np.full((count, MASK_SIDE, MASK_SIDE), 200, np.uint8),
        (0.8 * (neutral + expression)[..., :2]).astype(np.float32),
        expression.astype(np.float32),
        np.repeat(np.eye(3, dtype=np.float32)[None], count, 0),
        neutral.astype(np.float32),
    )


def filled(model: FaceAutoencoder) -> FaceAutoencoder:
    """The model, with references where it is a guided one."""
    if isinstance(model, GuidedAutoencoder):
        for seed, name in enumerate(model.identities):
            model.references_of(name).fill(reference_set(5, model.detail, seed))
    return model


def references(count: int = 5, side: int = 64) -> References:
    """Filled references."""
    built = References()
    built.fill(reference_set(count, side))
    return built


def guides(model: FaceAutoencoder, *shape: int) -> Guides | None:
    """Random guides of faces, ``(*shape, ...)``; None for models that need none."""
    if not isinstance(model, GuidedAutoencoder):
        return None
    mesh = torch.from_numpy(0.8 * face_mesh(opening=0.1)[:, :2]).float()
    moved = mesh + 0.02 * torch.rand(*shape, 1, 2)
    weights = torch.rand(*shape, 2, 1)
    both = torch.cat([weights, 1 - weights], -1).flatten(-2)
    return Guides(moved, torch.randint(0, 5, (*shape, SLOTS)), both)
