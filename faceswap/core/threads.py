"""Number of CPU threads of torch operators."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def operator_threads(count: int) -> Iterator[None]:
    """Sets the number of threads of torch operators within the block, for the calling thread only.

    Small networks gain little from several threads, and lose where other stages of a pipeline
    compete for the same cores: every operator then waits for its slowest thread.
    """
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    # This also changed the default of threads that use torch for the first time from now on. A
    # short-lived thread restores the default.
    restorer = threading.Thread(target=torch.set_num_threads, args=(before,))
    restorer.start()
    restorer.join()
    try:
        yield
    finally:
        torch.set_num_threads(before)
