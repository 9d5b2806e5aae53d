import numpy as np
import pytest
import torch

from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path


@pytest.mark.parametrize(
    ("name", "batch", "size"),
    [
        ("facemesh", 2, (192, 192)),
        ("iris", 4, (64, 64)),
        ("blazeface_short", 1, (128, 128)),
        ("blazeface_full", 1, (192, 192)),
        ("blazeface_full", 2, (96, 160)),
        ("palm_detection", 1, (192, 192)),
        ("palm_detection", 2, (128, 128)),
        ("hand_landmark", 2, (224, 224)),
    ],
)
def test_the_cpu_gives_what_torch_gives(name, batch, size):
    net = TFLiteNet(weights_path(name))
    low = -1.0 if name.startswith("blazeface") else 0.0
    noise = np.random.default_rng(5).uniform(low, 1, (batch, 3, *size)).astype(np.float32)
    images = torch.from_numpy(noise).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        ours, theirs = net(images), net.run_steps(images)
    assert len(ours) == len(theirs) == (4 if name == "hand_landmark" else 2)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=3e-4)


def test_as_many_threads_as_torch_has():
    net = TFLiteNet(weights_path("iris"))
    images, before = torch.zeros(1, 3, 64, 64), torch.get_num_threads()
    try:
        for threads in (1, 2, 1):
            torch.set_num_threads(threads)
            net(images)
    finally:
        torch.set_num_threads(before)
    assert set(net.cpu_runner.sessions) == {1, 2}
    options = net.cpu_runner.sessions[2].get_session_options()
    assert options.intra_op_num_threads == 2
