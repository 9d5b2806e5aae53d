import numpy as np
import pytest

from faceswap.core.onnx_format import OPSET, model, node, tensor
from faceswap.core.onnx_runtime import open_session

WEIGHTS = np.arange(6, dtype=np.float32).reshape(1, 2, 1, 3)
SHAPE = np.array([0, -1], np.int64)


def written():
    nodes = [
        node("Conv", ["in", "weights"], "convolved", {"pads": [0, 1, 0, 1], "group": 1}),
        node("Reshape", ["convolved", "shape"], "out", {}),
    ]
    tensors = [tensor("weights", WEIGHTS), tensor("shape", SHAPE)]
    return model(nodes, tensors, ("in", ["batch", 2, 300, "width"]), ["out"])


def test_onnxruntime_computes_what_was_written():
    session = open_session(written())
    assert session.get_inputs()[0].shape == ["batch", 2, 300, "width"]
    images = np.random.default_rng(0).normal(size=(2, 2, 300, 4)).astype(np.float32)
    out = np.asarray(session.run(None, {"in": images})[0])
    padded = np.pad(images, [(0, 0), (0, 0), (0, 0), (1, 1)])
    shifted = np.stack([padded[..., i : i + 4] for i in range(3)], axis=-1)
    expected = np.einsum("bchwk,ck->bhw", shifted, WEIGHTS[0, :, 0])
    np.testing.assert_allclose(out, expected.reshape(2, -1), rtol=1e-4, atol=1e-4)


def test_the_reference_library_reads_it():
    onnx = pytest.importorskip("onnx")
    read = onnx.load_from_string(written())
    assert read.opset_import[0].version == OPSET
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in read.graph.node[0].attribute}
    assert attributes == {"pads": [0, 1, 0, 1], "group": 1}
    constants = [onnx.numpy_helper.to_array(each) for each in read.graph.initializer]
    np.testing.assert_array_equal(constants[0], WEIGHTS)
    np.testing.assert_array_equal(constants[1], SHAPE)
    first = node("Op", [], "out", {"axis": -1, "mode": "linear", "steps": [-2, 300]})
    parsed = onnx.NodeProto.FromString(first)
    values = {a.name: onnx.helper.get_attribute_value(a) for a in parsed.attribute}
    assert values == {"axis": -1, "mode": b"linear", "steps": [-2, 300]}
