from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from faceswap.core.errors import ModelFileError
from faceswap.core.tflite_graph import _densify, read_graph
from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path


def picture(size, low):
    """(1, 3, size, size) of a face, in [low, 1]."""
    face = cv2.resize(data.astronaut()[20:240, 110:330], (size, size)).astype(np.float32) / 255
    return (face * (1 - low) + low).transpose(2, 0, 1)[None]


def run(net, batch):
    with torch.inference_mode():
        return [output.numpy() for output in net(torch.from_numpy(batch))]


@pytest.mark.skipif(not hasattr(cv2.dnn, "ENGINE_CLASSIC"), reason="needs OpenCV 5")
@pytest.mark.parametrize(
    ("name", "low"), [("facemesh", 0.0), ("blazeface_short", -1.0), ("palm_detection", 0.0)]
)
def test_parity_with_opencv(name, low):
    path = weights_path(name)
    net = TFLiteNet(path)
    batch = picture(net.input_size[0], low)
    reference = cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
    reference.setInput(batch)
    expected = reference.forward(reference.getUnconnectedOutLayersNames())
    outputs = run(net, batch)
    assert len(outputs) == len(expected) == 2
    by_size = {output.size: output for output in expected}
    for output in outputs:
        expected_values = by_size[output.size].ravel()
        np.testing.assert_allclose(output.ravel(), expected_values, rtol=1e-5, atol=2e-4)


def test_parity_with_litert_on_sparse_weights():
    """OpenCV cannot read this file: numbers of LiteRT 2.3 (CPU) on the same seeded noise."""
    net = TFLiteNet(weights_path("blazeface_full"))
    noise = np.random.default_rng(7).uniform(-1, 1, (1, 192, 192, 3)).astype(np.float32)
    boxes, scores = run(net, noise.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(
        boxes[0][np.ix_([0, 1000, 2303], [0, 3, 15])],
        [
            [-5.5861926, 11.256355, 3.4830718],
            [-3.0508602, 14.253533, -5.3591313],
            [-11.962927, 39.467415, 3.1846883],
        ],
        atol=1e-4,
    )
    np.testing.assert_allclose(
        scores[0, [0, 777, 1500, 2303], 0],
        [-11.527602, -3.8621898, -8.433436, -82.62346],
        rtol=2e-6,
        atol=1e-4,
    )


def test_parity_with_litert_on_hand_landmarks():
    """Two pairs of its outputs have one shape: numbers of LiteRT 2.3 (CPU) on seeded noise."""
    net = TFLiteNet(weights_path("hand_landmark"))
    noise = np.random.default_rng(7).uniform(0, 1, (1, 224, 224, 3)).astype(np.float32)
    points, presence, handedness, world = run(net, noise.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(points[0, [0, 1, 3]], [108.83914, 176.66611, 112.84061], atol=5e-4)
    np.testing.assert_allclose(presence, [[0.00973468]], rtol=1e-5)
    np.testing.assert_allclose(handedness, [[0.7476886]], rtol=1e-5)
    np.testing.assert_allclose(
        world[0, :4], [0.00681816, 0.07586805, 0.03583856, 0.01167191], atol=2e-6
    )


def test_a_batch_gives_what_single_images_give():
    net = TFLiteNet(weights_path("blazeface_full"))
    images = [picture(192, -1.0), picture(192, -1.0)[:, :, ::-1].copy()]
    together = run(net, np.concatenate(images))
    for index, image in enumerate(images):
        for batched, single in zip(together, run(net, image), strict=True):
            np.testing.assert_allclose(batched[index], single[0], atol=2e-4)


def test_a_larger_input_gives_more_positions():
    net = TFLiteNet(weights_path("blazeface_full"))
    boxes, scores = run(net, np.zeros((2, 3, 128, 256), np.float32))
    assert boxes.shape == (2, 32 * 64, 16)
    assert scores.shape == (2, 32 * 64, 1)


def test_weights_are_widened_and_dense():
    graph = read_graph(weights_path("blazeface_full"))
    kinds = {operator.kind for operator in graph.operators}
    assert not kinds & {"DENSIFY", "DEQUANTIZE"}
    weights = [graph.constants[o.inputs[1]] for o in graph.operators if o.kind == "CONV_2D"]
    assert all(w.dtype == np.float32 and np.isfinite(w).all() for w in weights)
    shares = [np.mean(w == 0) for w in weights if w.shape[1] == 1]
    assert 0.3 < np.mean(shares) < 0.95  # pruned, but not empty


def sparsity(order, blocks, levels):
    def level(size, segments, indices):
        return SimpleNamespace(
            Format=lambda: int(segments is not None),
            DenseSize=lambda: size,
            ArraySegmentsType=lambda: "plain",
            ArraySegments=lambda: segments,
            ArrayIndicesType=lambda: "plain",
            ArrayIndices=lambda: indices,
        )

    made = [level(*one) for one in levels]
    return SimpleNamespace(
        TraversalOrderAsNumpy=lambda: np.array(order),
        BlockMapAsNumpy=lambda: np.array(blocks),
        BlockMapLength=lambda: len(blocks),
        DimMetadataLength=lambda: len(made),
        DimMetadata=lambda i: made[i],
    )


@pytest.fixture
def plain_vectors(monkeypatch):
    monkeypatch.setattr(
        "faceswap.core.tflite_graph._index_vector", lambda kind, values: np.array(values)
    )


def test_densify_rows(plain_vectors):
    stored = sparsity([0, 1], [], [(3, None, None), (0, [0, 1, 1, 3], [2, 0, 3])])
    dense = _densify(np.array([5.0, 6.0, 7.0], np.float32), stored, (3, 4))
    assert dense.tolist() == [[0, 0, 5, 0], [0, 0, 0, 0], [6, 0, 0, 7]]


def test_densify_columns_first(plain_vectors):
    stored = sparsity([1, 0], [], [(2, None, None), (0, [0, 2, 3], [0, 2, 1])])
    dense = _densify(np.array([1.0, 2.0, 3.0], np.float32), stored, (3, 2))
    assert dense.tolist() == [[1, 0], [0, 3], [2, 0]]


def test_densify_blocks(plain_vectors):
    # 4 x 4 in blocks of 2 x 2; two blocks stored: at block row 0, column 1 and at row 1, column 0.
    levels = [(2, None, None), (0, [0, 1, 2], [1, 0]), (2, None, None), (2, None, None)]
    stored = sparsity([0, 1, 2, 3], [0, 1], levels)
    dense = _densify(np.arange(1, 9, dtype=np.float32), stored, (4, 4))
    assert dense.tolist() == [[0, 0, 1, 2], [0, 0, 3, 4], [5, 6, 0, 0], [7, 8, 0, 0]]


def test_a_text_file_is_refused(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_text("this is no network")
    with pytest.raises(ModelFileError, match="Expected a TFLite file"):
        TFLiteNet(path)


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.95])
def test_a_truncated_file_is_rejected(tmp_path, fraction):
    whole = weights_path("blazeface_short").read_bytes()
    path = tmp_path / "net.tflite"
    path.write_bytes(whole[: int(len(whole) * fraction)])
    with pytest.raises(ModelFileError, match="damaged"):
        TFLiteNet(path)
