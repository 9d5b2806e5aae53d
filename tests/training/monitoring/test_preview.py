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
    # 3 identities x (title + 2 faces) of 128 px and a column for the faces and each decoder.
    assert image.shape == (3 * (22 + 2 * 132) + 2 * 4, 4 * 128 + 3 * 4, 3)
    orders = [["alice", "bob", "carol"], ["bob", "alice", "carol"], ["carol", "alice", "bob"]]
    for block, order in enumerate(orders):
        top = block * (22 + 2 * 132 + 4) + 22 + 4
        for row in range(2):
            y = top + row * 132 + 64
            assert image[y, 64].tolist() == [128, 128, 128]
            for column, name in enumerate(order, start=1):
                expected = (np.array(COLOURS[name]) * 255).tolist()
                assert image[y, column * 132 + 64].tolist() == expected
        title = image[block * (22 + 2 * 132 + 4) :][:22]
        assert (title.min(axis=(0, 2))[:128] < 128).any()
