"""Progress of subcommands that read crops, if they have to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from faceswap.core.console import progress_bar


@contextmanager
def reading_bar(title: str, faces: int, *, shown: bool) -> Iterator[Callable[[int], object]]:
    """Progress of reading the crops of faces; nothing is displayed where none are read.

    Yields:
        Callback that takes the number of faces just read.
    """
    if not shown:
        yield lambda _count: None
        return
    with progress_bar(title, faces, unit="faces") as advance:
        yield advance
