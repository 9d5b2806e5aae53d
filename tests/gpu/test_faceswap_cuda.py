"""Training and conversion on a CUDA device; run with ``pytest -m gpu``."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import faceswap
from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path
from faceswap.models import build_model
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.tracking.finder import build_tracker
from tests.footage import moving_portrait
from tests.meshes import add_meshes
from tests.models.guided import filled

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture
def faces(make_faceset: Callable[..., Path], tmp_path: Path) -> dict[str, Path]:
    shades = {"alice": (220, 170, 140), "bob": (150, 100, 70)}
    return {
        name: add_meshes(make_faceset(tmp_path / name, 24, shade)) for name, shade in shades.items()
    }


def settings(steps: int, precision: str) -> list[str]:
    return [
        *("training.minutes=null", f"training.steps={steps}", "training.batch=4"),
        *(f"training.device={DEVICE}", f"training.precision={precision}", "data.minimum=4"),
        *("output.save_every=3", "output.preview_every=3", "output.log_every=1"),
        "optimizer.decay=0.0",  # the decay depends on the number of steps
    ]


@pytest.mark.parametrize("recipe", ["small", "classic", "v1"])
def test_training_in_bf16_is_finite_and_resumes(
    faces: dict[str, Path], tmp_path: Path, recipe: str
) -> None:
    first = faceswap.train_model(faces, tmp_path / "run", recipe, settings(3, "bf16"))
    assert first.step == 3
    second = faceswap.train_model(faces, tmp_path / "run", recipe, settings(5, "bf16"))
    assert second.step == 5
    for name in faces:
        assert len(first.losses[name]) == 3
        assert len(second.losses[name]) == 2
        assert np.isfinite([*first.losses[name], *second.losses[name]]).all()
    model = faceswap.load_model(tmp_path / "run", DEVICE)
    assert all(parameter.isfinite().all() for parameter in model.model.parameters())


@pytest.mark.parametrize("recipe", ["small", "classic"])
def test_losses_of_both_devices_agree(faces: dict[str, Path], tmp_path: Path, recipe: str) -> None:
    losses = {}
    for device in (DEVICE, "cpu"):
        changed = [
            *settings(3, "fp32"),
            f"training.device={device}",
            "training.adapt_threads=false",
        ]
        result = faceswap.train_model(faces, tmp_path / f"run-{device}", recipe, changed)
        losses[device] = [result.losses[name] for name in faces]
    np.testing.assert_allclose(losses[DEVICE], losses["cpu"], rtol=2e-3)


def test_a_resumed_run_continues_with_the_same_losses(
    faces: dict[str, Path], tmp_path: Path
) -> None:
    whole = faceswap.train_model(faces, tmp_path / "whole", "classic", settings(6, "fp32"))
    faceswap.train_model(faces, tmp_path / "parts", "classic", settings(3, "fp32"))
    resumed = faceswap.train_model(faces, tmp_path / "parts", "classic", settings(6, "fp32"))
    for name in faces:
        # Some CUDA kernels add in varying order, so the losses are close, not equal.
        np.testing.assert_allclose(resumed.losses[name], whole.losses[name][3:], rtol=2e-3)


@pytest.mark.parametrize("name", ["small", "anchored"])
def test_conversion_equals_that_on_the_cpu(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = filled(build_model(name, ["alice", "bob"]))
    save_model(tmp_path / "model", made, ModelMeta(name, {}, ("alice", "bob"), 1.25, 0))
    frames = [moving_portrait(index) for index in range(9)]
    tracker = build_tracker(device="cpu")
    swapped = []
    for device in ("cpu", DEVICE):
        model = faceswap.load_model(tmp_path / "model", device)
        result = faceswap.Swapper(model).swap(frames, "bob", video=False, tracker=tracker)
        swapped.append(np.stack(list(result)).astype(int))
    difference = np.abs(swapped[0] - swapped[1])
    assert (swapped[0] != np.stack(frames)).any()
    # The network runs in bf16 on the GPU.
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.999) <= 12


@pytest.mark.parametrize(
    "name", ["blazeface_short", "facemesh", "iris", "palm_detection", "hand_landmark"]
)
@pytest.mark.parametrize("size", [1, 8, 11])
def test_networks_as_cuda_graphs_equal_those_on_the_cpu(name: str, size: int) -> None:
    net = TFLiteNet(weights_path(name))
    batches = torch.rand(3, size, 3, *net.input_size)
    expected = [net(batch) for batch in batches]
    net.to(DEVICE)
    found = [net(batch.to(DEVICE)) for batch in batches]
    for batch, outputs in zip(expected, found, strict=True):
        for wanted, output in zip(batch, outputs, strict=True):
            error = (output.cpu() - wanted).abs().max() / wanted.abs().max()
            assert error < 1e-5


def test_networks_of_several_threads_are_captured_one_after_the_other() -> None:
    names = ["blazeface_short", "facemesh", "iris"] * 2
    nets = [TFLiteNet(weights_path(name)) for name in names]
    batches = [torch.rand(2, 3, *net.input_size) for net in nets]
    expected = [net(batch)[0] for net, batch in zip(nets, batches, strict=True)]
    with ThreadPoolExecutor(len(nets)) as pool:
        moved = [
            (net.to(DEVICE), batch.to(DEVICE)) for net, batch in zip(nets, batches, strict=True)
        ]
        found = [output[0].cpu() for output in pool.map(lambda each: each[0](each[1]), moved)]
    for wanted, output in zip(expected, found, strict=True):
        assert (output - wanted).abs().max() / wanted.abs().max() < 1e-5


def test_large_images_are_found_as_on_the_cpu() -> None:
    net = TFLiteNet(weights_path("blazeface_full"))
    images = torch.rand(3, 3, 2 * net.input_size[0], 3 * net.input_size[1])
    expected = net(images)
    found = net.to(DEVICE)(images.to(DEVICE))
    for wanted, output in zip(expected, found, strict=True):
        assert (output.cpu() - wanted).abs().max() / wanted.abs().max() < 1e-5


def test_faces_are_found_at_the_same_places(tmp_path: Path) -> None:
    found = [
        build_tracker(device=device).find_faces(moving_portrait(3)) for device in ("cpu", DEVICE)
    ]
    (expected,), (face,) = found
    np.testing.assert_allclose(face.landmarks.points, expected.landmarks.points, atol=0.5)
