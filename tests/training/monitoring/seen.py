"""A judge that reads what a face shows from its colour, and faces of such colours.

Red is the person, from 0 (alice) to 1 (bob); green how far the mouth is open; blue the yaw. Black
is no face.
"""

from dataclasses import replace

import numpy as np
import torch

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.monitoring.face_judge import FaceJudge, SeenFace
from faceswap.training.monitoring.shown_faces import ShownFaces
from tests.heads import head, mesh_of, with_open_mouth

LARGEST_YAW = 40.0
SIDE = 48


def seen_face(person=0.0, mouth=0.0, yaw=0.0):
    """What a judge sees of a face; the mouth is open by up to .3 face squares."""
    points = head(with_open_mouth(0.3 * mouth), yaw=yaw)
    embedding = np.array([1 - person, person]) / np.hypot(1 - person, person)
    return SeenFace(points[:, :2].astype(np.float32), mesh_of(points), embedding)


class ColourJudge(FaceJudge):
    """Stands in for ``FaceJudge``; counts the crops that it was shown."""

    def __init__(self, knows_identities=True):
        self.crops = 0
        self._knows_identities = knows_identities

    @property
    def knows_identities(self):
        return self._knows_identities

    def see(self, crops):
        self.crops += len(crops)
        return [self._colour(*colour) for colour in crops.mean((2, 3)).tolist()]

    def _colour(self, red, green, blue):
        if max(red, green, blue) < 0.01:
            return None
        face = seen_face(red, green, LARGEST_YAW * blue)
        return face if self._knows_identities else replace(face, embedding=None)


def colours(person, mouths, yaw=0.25):
    """Held-out faces of one person with open mouths, ``ShownFaces``."""
    images = torch.ones(len(mouths), 4, SIDE, SIDE)
    images[:, 0], images[:, 2] = person, yaw
    images[:, 1] = torch.tensor(mouths)[:, None, None]
    return ShownFaces(images)


class Change(torch.nn.Module):
    """A decoder whose output has other colours, as logits."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, faces):
        changed = faces.clone()
        for channel, value in self.change.items():
            changed[:, channel] = value
        return torch.logit(changed.clamp(1e-6, 1 - 1e-6))


def changing(**changes):
    """A model whose decoder of each identity sets some channels of its input."""
    decoders = {name: Change(change) for name, change in changes.items()}
    return FaceAutoencoder(torch.nn.Identity(), torch.nn.Identity(), decoders, SIDE, SIDE)
