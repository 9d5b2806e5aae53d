import pytest

from classifier.train import describe_memory
from classifier.training.batch_size_finder import (
    BatchSizeReport,
    StateMemory,
    largest,
    line,
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


def test_memory_terms_add_up_to_the_total():
    state = StateMemory(10**6, 10**6, 2 * 10**6, 0)
    report = BatchSizeReport(state, 0.0, 5e5, 1e9, 256, 8, "cpu")
    assert report.total(8) == 8e6
    output = describe_memory(report)
    assert output[0].startswith("A step with batch size 8 takes 8 MB on cpu: weights 1 MB")
    assert "activations of 8 images 4 MB" in output[0]
    assert output[-1].endswith("--set data.batch_size=256")
