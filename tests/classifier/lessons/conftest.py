from collections.abc import Iterator

import pytest

from faceswap.core.threads import operator_threads


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the lessons run: small networks only wait for a second thread."""
    with operator_threads(1):
        yield
