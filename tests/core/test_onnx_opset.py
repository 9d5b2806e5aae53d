"""Old operators compute what the new ones do."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from faceswap.core.errors import ConfigError
from faceswap.core.onnx_opset import lower_opset
from faceswap.core.onnx_runtime import open_session


def model(nodes, constants, inputs, shape, sides=3, kind=TensorProto.FLOAT):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info("y", kind, list("abcde"[:sides]))],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(built, x):
    session = open_session(built.SerializeToString())
    return np.asarray(session.run(None, {"x": x})[0])


NODES = {
    "mean": (
        [helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)],
        {"axes": [1, 2]},
        1,
    ),
    "sum": ([helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1)], {"axes": [2]}, 3),
    "new axis": ([helper.make_node("Unsqueeze", ["x", "axes"], ["y"])], {"axes": [0, 2]}, 5),
    "shape": (
        [helper.make_node("Reshape", ["x", "shape"], ["y"], allowzero=1)],
        {"shape": [2, -1]},
        2,
    ),
    "border": (
        [helper.make_node("Pad", ["x", "pads", "value", ""], ["y"])],
        {"pads": [0, 0, 1, 0, 2, 0], "value": np.float32(0.5)},
        3,
    ),
    "layer normalisation": (
        [helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["y"], epsilon=0.1)],
        {"scale": np.array([1, 2, 3, 4], np.float32), "bias": np.array([0, 1, 0, 1], np.float32)},
        3,
    ),
    "normalisations in a row": (
        [
            helper.make_node("LayerNormalization", ["x", "scale"], ["norm"], epsilon=0.1),
            helper.make_node("LayerNormalization", ["norm", "scale"], ["norm_1"], epsilon=0.2),
            helper.make_node("LayerNormalization", ["norm_1", "scale"], ["y"], epsilon=0.3),
        ],
        {"scale": np.array([1, 2, 3, 4], np.float32)},
        3,
    ),
    "mean of all": ([helper.make_node("ReduceMean", ["x"], ["y"])], {}, 3),
    "all sides of 1": (
        [
            helper.make_node("Unsqueeze", ["x", "axes"], ["more"]),
            helper.make_node("Squeeze", ["more"], ["y"]),
        ],
        {"axes": [0, 2]},
        3,
    ),
    "normalisation of two axes": (
        [helper.make_node("LayerNormalization", ["x", "scale"], ["y"], axis=1)],
        {"scale": np.arange(12, dtype=np.float32).reshape(3, 4)},
        3,
    ),
    "hard swish": (
        [
            helper.make_node("Constant", [], ["ten"], value_float=10.0),
            helper.make_node("Constant", [], ["five"], value_float=5.0),
            helper.make_node("Mul", ["x", "ten"], ["larger"]),
            helper.make_node("Sub", ["larger", "five"], ["both"]),  # beyond both kinks
            helper.make_node("HardSwish", ["both"], ["y"]),
        ],
        {},
        3,
    ),
    "split": (
        [
            helper.make_node("Split", ["x", "parts"], ["a", "b"], axis=2),
            helper.make_node("Concat", ["b", "a"], ["y"], axis=2),
        ],
        {"parts": [1, 3]},
        3,
    ),
    "equal split": (
        [
            helper.make_node("Split", ["x"], ["a", "b"], axis=2, num_outputs=2),
            helper.make_node("Sub", ["b", "a"], ["y"]),
        ],
        {},
        3,
    ),
    "scatter": (
        [helper.make_node("ScatterND", ["x", "places", "values"], ["y"], reduction="none")],
        {"places": [[0, 1], [1, 2]], "values": np.ones((2, 4), np.float32)},
        3,
    ),
    "softmax": ([helper.make_node("Softmax", ["x"], ["y"])], {}, 3),
    "softmax of another axis": ([helper.make_node("Softmax", ["x"], ["y"], axis=1)], {}, 3),
    "sides": ([helper.make_node("Shape", ["x"], ["y"], start=1, end=3)], {}, 1),
    "last sides": ([helper.make_node("Shape", ["x"], ["y"], start=-1)], {}, 1),
}

# Several operators take the place of one, and round otherwise.
OF_SEVERAL = {"layer normalisation", "normalisations in a row", "normalisation of two axes"}
OF_SEVERAL |= {"hard swish", "softmax of another axis"}


@pytest.mark.parametrize("case", NODES)
def test_old_form_gives_the_same(case):
    nodes, constants, sides = NODES[case]
    x = np.random.default_rng(0).random((2, 3, 4), np.float32)
    kind = TensorProto.INT64 if case.endswith("sides") else TensorProto.FLOAT
    built = model(nodes, constants, ["x"], [2, 3, 4], sides, kind)
    before = run(built, x)
    lower_opset(built, 12)
    onnx.checker.check_model(built, full_check=True)
    assert (built.opset_import[0].version, built.ir_version) == (12, 7)
    if case in OF_SEVERAL:
        np.testing.assert_allclose(run(built, x), before, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(run(built, x), before)


def test_operators_without_an_old_form_are_named():
    built = model([helper.make_node("Mish", ["x"], ["y"])], {}, ["x"], [2, 3, 4])
    with pytest.raises(ConfigError, match="Mish"):
        lower_opset(built, 12)
    built = model(
        [helper.make_node("ReduceMean", ["x", "axes"], ["y"])], {}, ["x", "axes"], [2, 3, 4]
    )
    with pytest.raises(ConfigError, match="ReduceMean"):
        lower_opset(built, 12)
    node = helper.make_node("ScatterND", ["x", "places", "values"], ["y"], reduction="add")
    constants = {"places": [[0]], "values": np.ones((1, 3, 4), np.float32)}
    with pytest.raises(ConfigError, match="ScatterND"):
        lower_opset(model([node], constants, ["x"], [2, 3, 4]), 12)
