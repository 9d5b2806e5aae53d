"""How many processor threads torch uses for one operator."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def operator_threads(count: int) -> Iterator[None]:
    """Lets torch's operators use so many threads within the block, in the calling thread alone.

    Small networks gain little from several, and lose much where other stages of a pipeline compete
    for the same cores: then every operator waits for its slowest thread.
    """
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    # That set the calling thread's number, and the default of threads that use torch for the first
    # time from now on. The default is put back at once, from a thread that has no other purpose.
    restorer = threading.Thread(target=torch.set_num_threads, args=(before,))
    restorer.start()
    restorer.join()
    try:
        yield
    finally:
        torch.set_num_threads(before)
