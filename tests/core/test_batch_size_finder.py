"""The search for the largest batch, and what it is computed from."""

import pytest
import torch

from faceswap.core.batch_size_finder import (
    StateMemory,
    bytes_of,
    largest,
    line,
    optimizer_bytes,
    usable_memory,
)


@pytest.mark.parametrize(
    ("room", "limit", "expected"),
    [(0, 100, 0), (1, 100, 1), (5, 100, 5), (37, 100, 32), (100, 100, 100), (500, 195, 195)],
)
def test_largest_batch_size_is_found_in_few_attempts(room, limit, expected):
    tried: list[int] = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= room

    assert largest(fits, limit) == expected
    assert len(tried) <= 12
    assert max(tried) <= limit


def test_memory_model_from_two_measurements():
    assert line({2: 30.0, 6: 70.0}) == (10.0, 10.0)
    assert line({4: 40.0}) == (0.0, 40.0)


def test_bytes_of_an_optimizer_are_those_of_its_tensors():
    weight = torch.nn.Parameter(torch.zeros(10, 10))
    optimizer = torch.optim.Adam([weight])
    assert optimizer_bytes(optimizer) == 0
    weight.grad = torch.ones(10, 10)
    optimizer.step()
    assert optimizer_bytes(optimizer) == 2 * 400 + 4  # two moments, and the count of the steps
    assert bytes_of([weight, torch.zeros(3, dtype=torch.uint8)]) == 403
    assert StateMemory(400, 400, 804, 0, 10).total == 1614


def test_a_part_of_the_free_memory_is_usable(monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    assert usable_memory(torch.device("cpu")) == 800
