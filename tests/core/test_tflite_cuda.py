"""Batches of one size; the graphs themselves need a GPU, see ``tests/gpu``."""

import pytest
import torch
from torch import Tensor

from faceswap.core.tflite_cuda import in_batches


@pytest.mark.parametrize("count", [1, 7, 8, 9, 45])
def test_batches_have_one_size_and_outputs_those_of_the_images(count: int) -> None:
    sizes = []

    def network(images: Tensor) -> tuple[Tensor, ...]:
        sizes.append(len(images))
        return images.sum((1, 2, 3)), images * 2

    images = torch.rand(count, 3, 4, 5)
    sums, doubled = in_batches(network, images, 8)
    assert set(sizes) == {8}
    assert len(sizes) == -(-count // 8)
    torch.testing.assert_close(sums, images.sum((1, 2, 3)))
    torch.testing.assert_close(doubled, images * 2)
