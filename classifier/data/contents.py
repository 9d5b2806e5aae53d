"""Contents of the files of a data set: whether they changed under the same names and sizes."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from classifier.data.dataset import Dataset
from faceswap.core.file_state import FileState
from faceswap.core.files import sha256_file


def digest_states(dataset: Dataset) -> str:
    """SHA-256 of the states of all files; one ``stat`` a file.

    Another digest does not mean other contents: a copy of the data has other states.
    """
    states = [FileState.of(file.stat())[1:] for file in _files(dataset)]  # moves between disks
    return hashlib.sha256(repr(states).encode()).hexdigest()


def digest_contents(dataset: Dataset, on_file: Callable[[int], None] = lambda _: None) -> str:
    """SHA-256 of the contents of all files, in the order of the samples; reads every file.

    Args:
        dataset: Data set; files that cannot be read count as such.
        on_file: Called with the number of files done since the last call.
    """
    digest = hashlib.sha256()
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for content in pool.map(_content, _files(dataset)):
            digest.update(content.encode())
            on_file(1)
    return digest.hexdigest()


def _files(dataset: Dataset) -> list[Path]:
    """Image and mask files in the order of the samples; an archive counts once."""
    pairs = ((sample.path, sample.mask) for sample in dataset.samples)
    return list(dict.fromkeys(file for pair in pairs for file in pair if file is not None))


def _content(file: Path) -> str:
    try:
        return sha256_file(file)
    except OSError:
        return "unreadable"  # reported by load_images
