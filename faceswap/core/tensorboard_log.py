"""TensorBoard scalars, or nothing where TensorBoard is not installed."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faceswap.core.log import get_logger
from faceswap.core.optional import MissingExtraError, install_command, require

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = get_logger(__name__)


class ScalarLog(Protocol):
    """Scalar curves of a training run."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Add one point to the curve ``tag``."""

    def close(self) -> None:
        """Write pending points and close the file."""


class _NoLog:
    """Discards all points."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        pass

    def close(self) -> None:
        pass


def open_scalar_log(folder: Path, purge_step: int) -> "SummaryWriter | ScalarLog":
    """Open the TensorBoard log of a run; without TensorBoard, log a note and discard the scalars.

    Args:
        folder: Folder of the event files.
        purge_step: First step of this process; later points of an earlier process are hidden.
    """
    try:
        require("torch.utils.tensorboard", "tensorboard")
    except MissingExtraError:
        logger.info(
            "TensorBoard is not installed: training continues without %s. To log: %s",
            folder,
            install_command("tensorboard"),
        )
        return _NoLog()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=purge_step)
