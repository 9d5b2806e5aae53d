"""What a training can do without: a failure is a warning."""

from collections.abc import Callable
from typing import ParamSpec

from faceswap.core.errors import FaceswapError
from faceswap.core.log import get_logger

_log = get_logger(__name__)
P = ParamSpec("P")


class Dispensable:
    """Runs functions that write something a training can do without.

    After the first failure there is one warning, and nothing more is run.

    Args:
        what: Subject of the warning ("The timelapse").
        errors: Errors that end it; all others are raised.
    """

    def __init__(
        self, what: str, errors: tuple[type[Exception], ...] = (FaceswapError, OSError)
    ) -> None:
        self._what, self._errors = what, errors
        self._failed = False

    def run(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Calls a function, unless an earlier one failed."""
        if self._failed:
            return
        try:
            function(*args, **kwargs)
        except self._errors as error:
            self._failed = True
            hint = f" {error.hint}" if isinstance(error, FaceswapError) else ""
            _log.warning(
                "%s is not written any more; training continues. %s%s", self._what, error, hint
            )
