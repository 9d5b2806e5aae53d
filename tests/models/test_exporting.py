"""Exported models run as their readers run them."""

import importlib.util
import json

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from faceswap.core.errors import ConfigError, IdentityError, ModelFileError
from faceswap.core.onnx_runtime import open_session
from faceswap.geometry.alignment import crop_matrix, warp
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.models import build_model, models
from faceswap.models.amp import MorphingAutoencoder
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.exporting import export_model
from faceswap.models.model_file import LoadedModel, ModelMeta
from tests.models.guided import filled
from tests.models.small_options import SMALL

# Of facefusion's `dfl_whole_face`: eyes, tip of the nose, corners of the mouth.
TEMPLATE = np.array(
    [(0.3534, 0.3929), (0.6280, 0.3929), (0.4866, 0.5402), (0.3884, 0.6875), (0.5982, 0.6875)]
)
SIZE = 64
needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason="timm is not installed"
)


class Shown(nn.Module):
    """Decodes to the very face, and to a mask of its bright pixels."""

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        brightness = faces.mean(1, keepdim=True)
        return torch.cat([torch.logit(faces, 1e-4), 40 * (brightness - 0.6)], 1)


class Dark(nn.Module):
    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return torch.full_like(faces[:, :1], -5.0).expand(-1, 4, -1, -1)


def loaded(model: FaceAutoencoder, name: str = "test") -> LoadedModel:
    subjects = {"alice": [{"name": "Alice", "basis": "consent"}], "bob": []}
    meta = ModelMeta(name, {}, model.identities, 1.25, 7, subjects)
    return LoadedModel(model.eval(), meta, "12" * 32, None)  # pyright: ignore[reportArgumentType]


def copying() -> LoadedModel:
    decoders = {"alice": Dark(), "bob": Shown()}
    return loaded(FaceAutoencoder(nn.Identity(), nn.Identity(), decoders, SIZE, SIZE))


def five_points(landmarks):
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    return np.array([*eyes, landmarks[30], landmarks[48], landmarks[54]])


def frame_with_face():
    """A frame of smooth colours with a white nose, and the landmarks of the face."""
    turn = np.deg2rad(20)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    landmarks = 120 * MEAN_FACE[:, :2] @ rotation.T + (210, 190)
    noise = np.random.default_rng(0).random((6, 6, 3), np.float32) * 0.5
    frame = cv2.resize(noise, (400, 400), interpolation=cv2.INTER_CUBIC).clip(0, 0.55)
    place = [round(float(value)) for value in landmarks[30]]
    cv2.circle(frame, place, 10, (1.0, 1.0, 1.0), -1)
    return frame, landmarks


def read_as_facefusion(path, frame, landmarks):
    """Cut, result and mask in the way of a reader of DFM: RGB frame, five points."""
    session = open_session(path)
    (given,) = session.get_inputs()
    assert given.name == "in_face:0"
    side = given.shape[1]
    matrix, _ = cv2.estimateAffinePartial2D(
        five_points(landmarks), TEMPLATE * side, method=cv2.RANSAC, ransacReprojThreshold=100
    )
    cut = cv2.warpAffine(frame, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    outputs = session.run(None, {given.name: cut[None, ..., ::-1]})
    names = [output.name for output in session.get_outputs()]
    assert names == ["out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0"]
    mask, face, its_mask = (np.asarray(each)[0] for each in outputs)
    assert mask.shape == its_mask.shape == (side, side, 1)
    assert np.array_equal(mask, its_mask)
    return cut, face[..., ::-1], mask[..., 0], matrix


def test_dfm_puts_every_pixel_back_in_its_place(tmp_path):
    path = tmp_path / "bob.dfm"
    assert export_model(copying(), "bob", path, "dfm") < 1e-5
    frame, landmarks = frame_with_face()
    cut, face, mask, matrix = read_as_facefusion(path, frame, landmarks)
    assert np.abs(face - cut).mean() < 0.004
    # The white nose, and nothing else, is in the mask.
    nose = matrix[:, :2] @ landmarks[30] + matrix[:, 2]
    ys, xs = np.nonzero(mask > 0.5)
    assert np.allclose([xs.mean(), ys.mean()], nose, atol=0.7)


def test_dfm_decodes_our_crop_and_leaves_the_rest(tmp_path):
    path = tmp_path / "alice.dfm"
    export_model(copying(), "alice", path, "dfm")
    frame, landmarks = frame_with_face()
    cut, face, mask, matrix = read_as_facefusion(path, np.maximum(frame, 0.2), landmarks)
    # Where our own crop of the same face lies in theirs.
    inside = warp(np.ones(frame.shape[:2], np.float32), crop_matrix(landmarks, 400, 1.25), 400)
    ours = cv2.warpAffine(
        inside,
        cv2.invertAffineTransform(crop_matrix(landmarks, 400, 1.25)),
        (400, 400),
    )
    ours = cv2.warpAffine(ours, matrix, cut.shape[:2])
    deep, far = cv2.erode(ours, np.ones((21, 21))) > 0.99, cv2.dilate(ours, np.ones((9, 9))) < 0.01
    assert deep.sum() > 1000
    assert far.sum() > 1000
    assert face[deep].max() < 0.05
    assert np.abs(face[far] - cut[far]).max() < 1e-3
    assert mask[far].max() < 1e-3


@pytest.mark.parametrize("kind", ["onnx", "dfm"])
@pytest.mark.parametrize("name", [name for name in models.names() if name != "anchored"])
def test_registered_models_are_equal_to_their_export(name, kind, tmp_path):
    torch.manual_seed(0)
    options = {"mask": True, **SMALL.get(name, {})}
    model = loaded(build_model(name, ("alice", "bob"), options), name)
    path = tmp_path / "model"
    assert export_model(model, "bob", path, kind) < 1e-4
    if kind == "onnx":
        session = open_session(path)
        size = model.model.input_size
        faces = torch.rand(3, 3, size, size)
        morph = {"morph": np.array([0.3], np.float32)} if name == "amp" else {}
        face, mask = session.run(None, {"faces": faces.numpy(), **morph})
        if isinstance(model.model, MorphingAutoencoder):
            expected = model.model.swap(faces, "bob", morph=0.3)
        else:
            expected = model.model.swap(faces, "bob")
        assert expected.mask is not None
        np.testing.assert_allclose(np.asarray(face), expected.face, atol=1e-4)
        np.testing.assert_allclose(np.asarray(mask), expected.mask, atol=1e-4)


@pytest.mark.parametrize(
    "encoder",
    [
        "torchvision:mobilenet_v3_small",  # hard swish
        pytest.param("timm:test_convnext", marks=needs_timm),  # layer normalisation
        pytest.param("timm:test_vit", marks=[needs_timm, pytest.mark.slow]),  # attention
        pytest.param("torchvision:swin_t", marks=pytest.mark.slow),  # split
    ],
)
def test_dfm_of_published_encoders_with_newer_operators(encoder, tmp_path):
    torch.manual_seed(0)
    options = SMALL["modular"] | {"encoder": encoder, "scale": 1.0, "mask": True}
    model = build_model("modular", ("alice", "bob"), options)
    one, other = model.swap(torch.rand(2, 3, SIZE, SIZE), "bob").face
    assert (one - other).abs().max() > 0.01
    assert export_model(loaded(model, "modular"), "bob", tmp_path / "bob.dfm", "dfm") < 1e-4


@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_dfm_of_a_model_that_has_grown(fraction, tmp_path):
    torch.manual_seed(0)
    model = build_model("comb", ("alice", "bob"), SMALL["comb"] | {"mask": True})
    model.grow(fraction)
    assert model.output_size > 4
    assert export_model(loaded(model, "comb"), "bob", tmp_path / "bob.dfm", "dfm") < 1e-4


def test_the_crowd_is_no_target(tmp_path):
    model = loaded(build_model("small", ("alice", "crowd"), {"size": 64}))
    with pytest.raises(IdentityError, match="crowd"):
        export_model(model, "crowd", tmp_path / "crowd.onnx", "onnx")


def test_dfm_of_a_morphing_model_takes_the_factor(tmp_path):
    torch.manual_seed(0)
    model = loaded(build_model("amp", ("alice", "bob"), SMALL["amp"]), "amp")
    export_model(model, "bob", tmp_path / "bob.dfm", "dfm")
    session = open_session(tmp_path / "bob.dfm")
    inputs = {each.name: each.shape for each in session.get_inputs()}
    assert list(inputs) == ["in_face:0", "morph_value:0"]
    assert inputs["morph_value:0"] == [1]
    side = inputs["in_face:0"][1]
    face = np.full((1, side, side, 3), 0.5, np.float32)
    bob, alice, half = (
        np.asarray(
            session.run(
                ["out_celeb_face:0"],
                {"in_face:0": face, "morph_value:0": np.array([factor], np.float32)},
            )[0]
        )
        for factor in (1, 0, 0.5)
    )
    assert np.abs(bob - alice).max() > 1e-3
    assert np.abs(half - bob).max() > 1e-4
    assert np.abs(half - alice).max() > 1e-4


def test_dfm_needs_a_mask(tmp_path):
    model = loaded(build_model("small", ("alice", "bob"), {"size": 64}))
    with pytest.raises(ModelFileError, match="mask of the face"):
        export_model(model, "bob", tmp_path / "bob.dfm", "dfm")
    export_model(model, "bob", tmp_path / "bob.onnx", "onnx")
    outputs = open_session(tmp_path / "bob.onnx").get_outputs()
    assert [output.name for output in outputs] == ["face"]


def test_files_say_what_they_are_and_nothing_of_this_machine(tmp_path):
    path = tmp_path / "bob.dfm"
    export_model(copying(), "bob", path, "dfm")
    model = onnx.load(path)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 12)]
    facts = {each.key: each.value for each in model.metadata_props}
    assert facts["weights_sha256"] == "12" * 32
    assert facts["identity"] == "bob"
    assert json.loads(facts["subjects"])["alice"] == [{"name": "Alice", "basis": "consent"}]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert b"site-packages" not in path.read_bytes()
    assert b".py" not in path.read_bytes()


@pytest.mark.parametrize("kind", ["onnx", "dfm"])
def test_other_identities_take_no_room(kind, tmp_path, monkeypatch):
    sizes = []
    for identities in (("alice", "bob"), ("alice", "bob", "carol", "dora", "eve")):
        torch.manual_seed(0)
        model = loaded(build_model("original", identities, SMALL["original"] | {"mask": True}))
        path = tmp_path / str(len(identities))
        # Enough for one decoder, but not for five.
        monkeypatch.setattr("faceswap.core.onnx_export._LARGEST", 3 << 20)
        export_model(model, "bob", path, kind)
        sizes.append(path.stat().st_size)
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
    monkeypatch.setattr("faceswap.core.onnx_export._LARGEST", 1 << 20)
    with pytest.raises(ConfigError, match="GiB"):
        export_model(model, "bob", tmp_path / "too large", kind)
    assert not (tmp_path / "too large").exists()


def test_an_unknown_format_is_refused_by_its_name(tmp_path):
    with pytest.raises(ConfigError, match="'omnx'") as caught:
        export_model(copying(), "bob", tmp_path / "bob.omnx", "omnx")
    assert "'onnx'" in caught.value.hint


def test_guided_models_and_strangers_are_refused(tmp_path):
    guided = loaded(filled(build_model("anchored", ("alice", "bob"), {"size": 64, "detail": 64})))
    with pytest.raises(ModelFileError, match="guided"):
        export_model(guided, "bob", tmp_path / "bob.onnx", "onnx")
    with pytest.raises(IdentityError, match="carol"):
        export_model(copying(), "carol", tmp_path / "carol.onnx", "onnx")
    assert list(tmp_path.iterdir()) == []
