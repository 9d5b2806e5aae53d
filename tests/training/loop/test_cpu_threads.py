import pytest
import torch

from faceswap.training.loop.cpu_threads import ThreadChoice


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def steps(choice: ThreadChoice, costs: dict[int, float], count: int) -> float:
    """Takes steps that cost so many seconds with so many threads; gives the time of all."""
    total = 0.0
    for _ in range(count):
        seconds = costs[torch.get_num_threads()]
        total += seconds
        choice.after_step(seconds)
    return total


def test_all_threads_are_kept_while_they_are_faster_and_trying_costs_little():
    total = steps(ThreadChoice(4), {4: 0.25, 1: 0.5}, 1000)
    assert torch.get_num_threads() == 4
    assert total < 1.03 * 1000 * 0.25


def test_one_thread_is_taken_where_several_wait_for_each_other():
    choice = ThreadChoice(4)
    total = steps(choice, {4: 2.5, 1: 0.5}, 1000)
    assert torch.get_num_threads() == 1
    assert total < 1.1 * 1000 * 0.5
    # The neighbour leaves: back to all.
    steps(choice, {4: 0.25, 1: 0.5}, 200)
    assert torch.get_num_threads() == 4


def test_long_steps_are_tried_rarely():
    total = steps(ThreadChoice(4), {4: 1.6, 1: 3.0}, 500)
    assert total < 1.07 * 500 * 1.6


def test_a_single_thread_disables_switching():
    torch.set_num_threads(1)
    steps(ThreadChoice(1), {1: 1.0}, 100)
    assert torch.get_num_threads() == 1
