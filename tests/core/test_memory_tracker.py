"""The memory of tensors is counted exactly, also of tensors without content."""

import gc

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from faceswap.core.memory_tracker import MemoryTracker, simulated_memory
from faceswap.training.losses.blur import blur

KIB = torch.Size((256,))  # of float32: 1024 bytes


def test_tensors_count_while_they_exist():
    with MemoryTracker() as tracker:
        first = torch.zeros(KIB)
        second = first + 1
        view = second.view(16, 16)
        assert tracker.live == tracker.peak == 2048
        first.mul_(2)
        del second
        assert tracker.live == 2048  # the view holds it
        del view
        assert (tracker.live, tracker.peak) == (1024, 2048)
        tracker.reset_peak()
        assert tracker.peak == 1024
        del first
    assert tracker.live == 0


def test_divided_tensors_count_as_their_largest_part_until_they_are_freed():
    with MemoryTracker() as tracker:
        rows, scalar = torch.zeros(10, 256), torch.zeros(())
        for _ in range(2):  # once only
            tracker.divide(rows, 4)
            tracker.divide(scalar, 4)
        assert tracker.live == 3 * 1024 + 4
        del rows
        assert tracker.live == 4


def step_of_a_network(recompute: bool) -> tuple[int, int]:
    """Peak of a forward and backward pass, and what is left after it."""
    with simulated_memory() as tracker:
        layers = nn.Sequential(*(nn.Linear(256, 256, bias=False) for _ in range(8)))
        layers.to(torch.bfloat16).float().to(memory_format=torch.contiguous_format)
        gc.collect()
        assert tracker.live == 8 * 256 * 1024
        hidden = torch.zeros(1000, 256)
        for layer in layers:
            following = nn.Sequential(layer, nn.Sigmoid(), nn.Sigmoid())
            hidden = (
                checkpoint(following, hidden, use_reentrant=False)
                if recompute
                else following(hidden)
            )
        hidden.sum().backward()
        del hidden
        gc.collect()
        return tracker.peak, tracker.live


def test_a_step_is_counted_without_computing_it():
    face, weights = 1000 * 1024, 8 * 256 * 1024
    plain, left = step_of_a_network(recompute=False)
    assert left == 2 * weights  # and their gradients
    # Both sigmoids keep their output, which the following layer shares, and the first input.
    kept = 17 * face + weights
    assert kept < plain < kept + weights + 3 * face
    lean, left = step_of_a_network(recompute=True)
    assert left == 2 * weights
    assert lean < 0.75 * plain


def test_far_more_than_the_memory_of_a_machine_can_be_counted():
    with simulated_memory() as tracker:
        tensor = torch.zeros(1 << 20, 1 << 24)
        assert tracker.live == 1 << 46
        assert tensor.sum().item() == 1.0  # values are not known
        assert torch.zeros(3, dtype=torch.int64).sum().item() == 1


def test_real_tensors_stay_real():
    counts = torch.tensor([1, 2, 3])
    with simulated_memory():
        assert int(counts[1:].sum()) == 5
        mixed = torch.zeros(3) + counts
        assert mixed.shape == (3,)


def test_functions_that_keep_tensors_forget_those_without_content():
    image = torch.rand(1, 1, 32, 32)
    expected = blur(image, sigma=2.0)
    blur.__globals__["_matrix"].cache_clear()
    with simulated_memory():
        blur(torch.zeros(1, 1, 32, 32), sigma=2.0)
    assert torch.equal(blur(image, sigma=2.0), expected)
