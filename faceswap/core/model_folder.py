"""An exported model: a folder with ``model.safetensors`` and ``model.json``, complete in itself."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from faceswap.core.errors import FaceswapError, ModelFileError
from faceswap.core.files import atomic_directory, sha256_file
from faceswap.core.formats import Document, Format
from faceswap.core.tensor_files import digest_tensors, save_tensors

WEIGHTS, METADATA = "model.safetensors", "model.json"
FOLDER = "model"
"""Name of the model folder inside a run."""

DIGEST = "weights_sha256"
"""Key of the metadata that holds the SHA-256 of the weights file, in hex."""


def save_model_folder(
    folder: Path, form: Format, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> None:
    """Writes a model folder, complete or not at all; both files are replaced at once.

    A folder that holds this very model is not touched. Other files in it, such as exports, are
    kept, even while they are written.

    Args:
        folder: Model folder.
        form: Format of the metadata; its name and version also go into the header of the weights.
        tensors: Weights by name.
        metadata: JSON values; the SHA-256 of the weights is added.

    Raises:
        StorageFullError: The disk is full; an existing folder is left as it was.
    """
    about = {"format": f"{form.name} {form.version}"}
    if _holds(folder, form, tensors, metadata, about):
        return
    with atomic_directory(folder, replaced=(WEIGHTS, METADATA)) as temporary:
        digest = save_tensors(temporary / WEIGHTS, tensors, about)
        form.write(temporary / METADATA, {**metadata, DIGEST: digest})


def holds_model(
    folder: Path, form: Format, metadata: Mapping[str, Any], but: Collection[str] = ()
) -> bool:
    """Whether a model folder is intact and has these metadata, whatever its weights.

    Args:
        folder: Model folder.
        form: Format of the metadata.
        metadata: JSON values.
        but: Names of metadata beside these, which may have any value.
    """
    return _digest_of(folder, form, metadata, but) is not None


def _holds(
    folder: Path,
    form: Format,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, Any],
    about: Mapping[str, str],
) -> bool:
    """Whether a model folder is what ``save_model_folder`` would write."""
    digest = _digest_of(folder, form, metadata)
    return digest is not None and digest == digest_tensors(tensors, about)


def _digest_of(
    folder: Path, form: Format, metadata: Mapping[str, Any], but: Collection[str] = ()
) -> str | None:
    """SHA-256 of the weights of an intact model folder; None if its metadata are others."""
    try:
        found = form.read(folder / METADATA)
        digest = found.pop(DIGEST, None)
        expected = {"format": form.name, "version": form.version, **metadata}
        compared = {name: value for name, value in found.items() if name not in but}
        same = compared == json.loads(json.dumps(expected))  # tuples are lists in JSON
        return digest if same and digest == sha256_file(folder / WEIGHTS) else None
    except (OSError, FaceswapError):
        return None


def find_model_folder(path: Path, command: str) -> Path:
    """Finds a model folder, given as the folder, as the run that holds it, or as one of its files.

    Args:
        path: Model folder, run folder, or file of a model folder.
        command: Command that trains such models, named in error messages.

    Raises:
        ModelFileError: There is no model.
    """
    candidates = [path.parent] if path.is_file() else [path, path / FOLDER]
    for candidate in candidates:
        if (candidate / METADATA).is_file():
            return candidate
    if not path.exists():
        raise ModelFileError(f"There is no model {path}.", "Check the path.")
    if (path / "checkpoints").is_dir():
        raise ModelFileError(
            f"The run {path} has no model yet.", "Train it until the first checkpoint is saved."
        )
    raise ModelFileError(
        f"{path} is not a model: it has no {METADATA}.",
        f"Give the output folder of `{command}`, or the folder '{FOLDER}' inside it.",
    )


def read_metadata(folder: Path, form: Format) -> Document:
    """Reads the metadata of a model folder in the current version of its format.

    Raises:
        ModelFileError: The metadata is missing, not valid JSON, of another format, or of a version
            that cannot be read.
    """
    try:
        return form.read(folder / METADATA)
    except OSError as error:
        raise ModelFileError(
            f"{folder / METADATA} cannot be read: {error.strerror}.", "Copy the whole folder again."
        ) from error


def read_weights(folder: Path, metadata: Mapping[str, Any]) -> dict[str, Tensor]:
    """Reads the weights of a model folder after checking their SHA-256.

    Args:
        folder: Model folder.
        metadata: Metadata of the model.

    Returns:
        Tensors on the CPU by name.

    Raises:
        ModelFileError: The weights are missing or damaged.
    """
    path = folder / WEIGHTS
    if not path.is_file() or sha256_file(path) != metadata.get(DIGEST):
        raise ModelFileError(
            f"The weights {path} are missing or do not match {METADATA}.",
            "The file was truncated or changed: copy the whole folder again.",
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is not a valid safetensors file: {error}.", "Copy the whole folder again."
        ) from error
