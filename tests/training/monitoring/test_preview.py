import numpy as np
import torch

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.monitoring.preview import preview_grid
from faceswap.training.monitoring.shown_faces import ShownFaces


class Fill(torch.nn.Module):
    def __init__(self, colour):
        super().__init__()
        self.colour = colour

    def forward(self, faces):
        value = torch.tensor(self.colour).view(1, 3, 1, 1).expand(len(faces), 3, 32, 32)
        return torch.logit(value.clamp(1e-6, 1 - 1e-6))


COLOURS = {"alice": (1.0, 0.0, 0.0), "bob": (0.0, 1.0, 0.0), "carol": (0.0, 0.0, 1.0)}


def test_each_face_is_next_to_its_reconstruction_and_swaps():
    decoders = {name: Fill(colour) for name, colour in COLOURS.items()}
    model = FaceAutoencoder(torch.nn.Identity(), torch.nn.Identity(), decoders, 32, 32)
    faces = {name: ShownFaces(torch.full((2, 4, 32, 32), 0.5)) for name in COLOURS}
    image = preview_grid(model, faces, torch.device("cpu"), bf16=False)
    # Blocks of title and 2 faces of 128 px, with a column for the faces and each decoder: two in
    # the first row, one in the second.
    down, across = 22 + 2 * 132 + 4, 4 * 132
    assert image.shape == (2 * down - 4, 2 * across - 4, 3)
    orders = [["alice", "bob", "carol"], ["bob", "alice", "carol"], ["carol", "alice", "bob"]]
    for block, order in enumerate(orders):
        first, left = block // 2 * down, block % 2 * across
        top = first + 22 + 4
        for row in range(2):
            y = top + row * 132 + 64
            assert image[y, left + 64].tolist() == [128, 128, 128]
            for column, name in enumerate(order, start=1):
                expected = (np.array(COLOURS[name]) * 255).tolist()
                assert image[y, left + column * 132 + 64].tolist() == expected
        title = image[first : first + 22, left:]
        assert (title.min(axis=(0, 2))[:128] < 128).any()
    assert (image[down:, across:] == 255).all()


def test_two_identities_are_side_by_side():
    names = ("alice", "bob")
    decoders = {name: Fill(COLOURS[name]) for name in names}
    model = FaceAutoencoder(torch.nn.Identity(), torch.nn.Identity(), decoders, 32, 32)
    faces = {name: ShownFaces(torch.full((5, 4, 32, 32), 0.5)) for name in names}
    image = preview_grid(model, faces, torch.device("cpu"), bf16=False)
    assert image.shape == (22 + 5 * 132, 2 * 3 * 132 - 4, 3)
