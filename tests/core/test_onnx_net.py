from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, save

from faceswap.core.errors import ModelFileError
from faceswap.core.onnx_net import ONNXNet
from faceswap.core.onnx_runtime import open_session


def write(path: Path, operators, constants):
    """A network from `in` (1, 3, 9, 9) to `out`."""
    graph = helper.make_graph(
        operators,
        "tiny",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 3, 9, 9])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture
def tiny(tmp_path):
    random = np.random.default_rng(0)

    def weights(*shape):
        return random.normal(0, 0.4, shape).astype(np.float32)

    depthwise: dict[str, Any] = {"kernel_shape": [3, 3], "group": 6, "pads": [1] * 4}
    conv: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 0]}
    zero = numpy_helper.from_array(np.array(0, np.float32))
    operators = [
        helper.make_node("Conv", ["in", "w1", "b1"], ["a"], **conv),
        helper.make_node("Constant", [], ["low"], value=zero),
        helper.make_node("Clip", ["a", "low", ""], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], **depthwise),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Add", ["d", "b"], ["e"]),
        helper.make_node("Reshape", ["e", "shape"], ["out"]),
    ]
    constants = {
        "w1": weights(6, 3, 3, 3),
        "b1": weights(6),
        "w2": weights(6, 1, 3, 3),
        "shape": np.array([1, -1], np.int64),
    }
    write(tmp_path / "tiny.onnx", operators, constants)
    return tmp_path / "tiny.onnx"


def test_outputs_are_those_of_onnxruntime_for_each_image_of_a_batch(tiny):
    images = torch.randn(4, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    session = open_session(tiny)
    found = ONNXNet(tiny)(images)
    for image, ours in zip(images, found, strict=True):
        (theirs,) = session.run(None, {"in": image[None].numpy()})
        np.testing.assert_allclose(ours[None], np.asarray(theirs), atol=1e-5)


def test_it_is_differentiable_by_the_images_and_has_no_weights_to_train(tiny):
    net = ONNXNet(tiny)
    images = torch.randn(2, 3, 9, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net.double(), images)
    assert not list(net.parameters())
    assert not net.state_dict()


def test_other_operators_and_other_files_are_refused(tmp_path):
    write(tmp_path / "other.onnx", [helper.make_node("Sin", ["in"], ["out"])], {})
    with pytest.raises(ModelFileError, match="found Sin"):
        ONNXNet(tmp_path / "other.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ModelFileError, match="another file"):
        ONNXNet(tmp_path / "text.onnx")
