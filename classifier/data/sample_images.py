"""The image of a sample, wherever it is stored: a file, an idx archive or a Parquet file."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.data.dataset import Sample
from classifier.data.images import UnreadableImage, read_image_and_size, scale
from classifier.data.readers.idx import open_archive
from classifier.data.readers.tables import is_parquet, read_stored_image
from classifier.models.network import Task


def read_sample(
    sample: Sample, side: tuple[int, int], channels: int, task: Task
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Read the image of a sample upright and resize it; see ``read_image``.

    Returns:
        ``(channels, height, width) uint8``, and the height and width of the stored image.

    Raises:
        UnreadableImage: Not an image, damaged, or above Pillow's size limit.
    """
    if sample.index is None:
        return read_image_and_size(sample.path, side, channels, task)
    if is_parquet(sample.path):
        return read_image_and_size(_stored(sample, sample.index), side, channels, task)
    pixels = open_archive(sample.path)[sample.index]
    return scale(Image.fromarray(pixels), side, channels, task), pixels.shape[:2]


def content_of(sample: Sample) -> bytes:
    """Stored bytes of a sample's image, for comparison.

    Raises:
        UnreadableImage: A row of a Parquet file without an image.
    """
    if sample.index is None:
        return sample.path.read_bytes()
    if is_parquet(sample.path):
        return _stored(sample, sample.index)
    return open_archive(sample.path)[sample.index].tobytes()


def _stored(sample: Sample, row: int) -> bytes:
    content = read_stored_image(sample.path, row, sample.column)
    if not content:
        raise UnreadableImage(f"row {row + 1} has no image")
    return content
