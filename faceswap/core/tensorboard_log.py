"""TensorBoard scalars and images, or nothing where TensorBoard is not installed."""

from pathlib import Path
from typing import Protocol

from faceswap.core.log import get_logger
from faceswap.core.optional import MissingExtraError, install_command, require

logger = get_logger(__name__)


class ScalarLog(Protocol):
    """Scalar curves and images of a training run."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Add one point to the curve ``tag``."""

    def add_jpeg(self, tag: str, jpeg: bytes, size: tuple[int, int], global_step: int) -> None:
        """Add an image to the series ``tag``, stored as it is with all metadata.

        Args:
            tag: Name of the series.
            jpeg: Content of a JPEG file.
            size: Width and height in pixels.
            global_step: Step.
        """

    def close(self) -> None:
        """Write pending points and close the file."""


class _NoLog:
    """Discards everything."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        pass

    def add_jpeg(self, tag: str, jpeg: bytes, size: tuple[int, int], global_step: int) -> None:
        pass

    def close(self) -> None:
        pass


class _EventLog:
    """Writes event files."""

    def __init__(self, folder: Path, purge_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=purge_step)

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        self._writer.add_scalar(tag, scalar_value, global_step)

    def add_jpeg(self, tag: str, jpeg: bytes, size: tuple[int, int], global_step: int) -> None:
        # ``SummaryWriter.add_image`` takes pixels, and would encode them without their metadata.
        from tensorboard.compat.proto.summary_pb2 import (
            Summary,  # pyright: ignore[reportAttributeAccessIssue]
        )

        width, height = size
        image = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=jpeg)
        assert self._writer.file_writer is not None
        summary = Summary(value=[Summary.Value(tag=tag, image=image)])
        self._writer.file_writer.add_summary(summary, global_step)

    def close(self) -> None:
        self._writer.close()


def open_scalar_log(folder: Path, purge_step: int) -> ScalarLog:
    """Open the TensorBoard log of a run; without TensorBoard, log a note and discard everything.

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
    return _EventLog(folder, purge_step)
