import cv2
import numpy as np
import pytest
import torch

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.output.patches import describe_patches, patches_of
from faceswap.conversion.swap.compositing import SwappedFace, composite
from faceswap.geometry.alignment import normalised_matrix, of_stored, transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.frame import Frame
from faceswap.media.picture import RgbPicture

HEIGHT, WIDTH = 200, 260


def face_at(x, y, scale, track, aspect=1.0, mask_side=64):
    landmarks = scale * MEAN_FACE[:, :2] + [x * aspect, y]
    ys, xs = torch.meshgrid(torch.linspace(0, 6, 96), torch.linspace(0, 6, 96), indexing="ij")
    image = torch.stack([xs.sin(), ys.cos(), (xs + ys).sin()]) / 2.1 + 0.5
    ys, xs = torch.meshgrid(*[torch.linspace(-1.6, 1.6, mask_side)] * 2, indexing="ij")
    mask = (1.6 - torch.hypot(xs, ys)).clamp(0, 1)[None] * 0.9
    matrix = of_stored(normalised_matrix(landmarks, 1.25), aspect)
    face = SourceFace(landmarks, track=track, to="bob", opacity=0.9)
    return SwappedFace(face, matrix, image, mask)


def laid_over(image, document, patches):
    """What a compositor does: warps each patch into the frame and lays it over."""
    for face, patch in zip(document["faces"], patches, strict=True):
        warped = cv2.warpAffine(
            patch.pixels,
            np.array(face["patch_to_frame"]),
            (document["width"], document["height"]),
            flags=cv2.INTER_CUBIC,
        ).clip(0, 1)
        alpha = warped[..., 3:]
        image = image * (1 - alpha) + warped[..., :3] * alpha
    return image


@pytest.mark.parametrize("aspect", [1.0, 4 / 3])
def test_a_compositor_gets_the_converted_frame(aspect):
    source = np.random.default_rng(4).integers(60, 200, (HEIGHT, WIDTH, 3), np.uint8)
    faces = [
        face_at(110, 100, 80, 3, aspect),
        face_at(150, 100, 50, 5, aspect, mask_side=128),
    ]
    frame = Frame(12, 480, 0.48, source.copy(), pixel_aspect=aspect)
    patches = patches_of(faces)
    document = describe_patches(frame, "clip.mp4", patches, ["a.png", "b.png"])
    converted = source.copy()
    composite(RgbPicture(converted), faces)
    assert (converted != source).any(-1).mean() > 0.1
    found = laid_over(source / np.float32(255), document, patches) * 255
    difference = np.abs(found - converted)
    assert difference.mean() < 0.2
    assert np.quantile(difference, 0.999) < 3


def test_the_description_of_a_frame():
    faces = [face_at(110, 100, 80, 3), face_at(150, 100, 50, 5)]
    patches = patches_of(faces)
    frame = Frame(12, 480, 0.48, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    document = describe_patches(frame, "clip.mp4", patches, ["a.png", "b.png"])
    assert (document["frame"], document["time"], document["source"]) == (12, 0.48, "clip.mp4")
    assert [face["track"] for face in document["faces"]] == [5, 3]  # the nearer one last
    assert [face["to"] for face in document["faces"]] == ["bob", "bob"]
    assert document["faces"][0]["size"] == 96
    for face, patch in zip(document["faces"], patches, strict=True):
        # The nose lies in the patch where the matrix says.
        nose = patch.face.face.landmarks[30]
        assert transform_points(
            face["patch_to_frame"], transform_points(face["frame_to_patch"], [nose])
        )[0] == pytest.approx(nose)
        place = transform_points(face["frame_to_patch"], [nose])[0]
        assert (place > 20).all()
        assert (place < 76).all()
