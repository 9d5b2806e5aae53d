from collections.abc import Iterator

import pytest

from faceswap.core.threads import operator_threads


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Run on one thread, as ``Lesson.run`` does."""
    with operator_threads(1):
        yield
