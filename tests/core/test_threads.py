import threading

import pytest
import torch

from faceswap.core.threads import operator_threads


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def seen_by_a_new_thread():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return seen[0]


def test_holds_in_the_block_and_in_this_thread_alone():
    with operator_threads(1):
        assert torch.get_num_threads() == 1
        assert seen_by_a_new_thread() == 2
    assert torch.get_num_threads() == 2
    assert seen_by_a_new_thread() == 2


def test_is_undone_after_an_error():
    with pytest.raises(ValueError, match="gone"), operator_threads(1):
        raise ValueError("gone")
    assert torch.get_num_threads() == 2
