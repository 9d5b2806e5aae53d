"""A trained face model on disk: its weights, and the metadata needed to rebuild it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from faceswap import __version__
from faceswap.core.bounded_build import bounded_build
from faceswap.core.documents import DocumentModel, Finite, Items
from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.core.formats import Document, Format
from faceswap.core.model_folder import (
    DIGEST,
    find_model_folder,
    holds_model,
    read_metadata,
    read_weights,
    save_model_folder,
)
from faceswap.core.names import IdentityName, Sha256Hex
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.crowd import refuse_crowd, without_crowd
from faceswap.models.registry import build_model


class _ModelDocument(DocumentModel):
    architecture: str
    options: Annotated[dict[str, bool | int | Finite | str], Field(max_length=64)]
    identities: Annotated[Items[IdentityName], Field(min_length=1, max_length=1000)]
    coverage: Annotated[Finite, Field(gt=0, le=100)]
    step: Annotated[int, Field(ge=0, lt=1 << 53)]
    subjects: dict[IdentityName, Items[dict[str, Any]]]
    seed: int
    program: str
    weights_sha256: Sha256Hex
    origins: Items[dict[str, Any]] = Field(default=[])
    loss_recognizers: Items[str] = Field(default=[])


MODEL_FORMAT = Format("faceswap-model", 1, ModelFileError, schema=_ModelDocument)
_COMMAND = "faceswap train"
_SIZES = ("input_size", "output_size")


@dataclass(frozen=True)
class ModelMeta:
    """Metadata stored beside the weights.

    Attributes:
        architecture: Name in the registry of models.
        options: Options of the architecture.
        identities: Identities the model can produce, in the order of its decoders.
        coverage: Side of the input and output crops, in face squares.
        step: Number of optimizer steps of its training.
        subjects: Subject records of the facesets of each identity, and of people whom weights
            were trained on before.
        seed: Seed of the run.
        program: Version of the program that wrote it.
        origins: Records of the models that weights were taken from, with the parts.
        loss_recognizers: Recognition networks that a loss was computed with, also of these models:
            they cannot judge whether its faces look like their identity.
    """

    architecture: str
    options: dict[str, Any]
    identities: tuple[str, ...]
    coverage: float
    step: int
    subjects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seed: int = 0
    program: str = __version__
    origins: list[dict[str, Any]] = field(default_factory=list)
    loss_recognizers: list[str] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Description of the model for manifests, as JSON values."""
        return {
            "architecture": self.architecture,
            "identities": list(self.identities),
            "step": self.step,
            "program": self.program,
        }


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to swap.

    Attributes:
        model: Model in evaluation mode, on the requested device.
        meta: Metadata of the model.
        digest: SHA-256 of the weights file in hex, which identifies the model.
        path: Model folder.
        checkpoint: ``best``, ``latest`` or ``step N``, when it was loaded from a checkpoint of a
            run; "" for an exported model.
    """

    model: FaceAutoencoder
    meta: ModelMeta
    digest: str
    path: Path
    checkpoint: str = ""

    @property
    def identities(self) -> Sequence[str]:
        """Identities the model can produce."""
        return self.meta.identities

    @property
    def coverage(self) -> float:
        """Side of the input and output crops, in face squares."""
        return self.meta.coverage

    @property
    def targets(self) -> Sequence[str]:
        """Identities that faces can be swapped to."""
        return without_crowd(self.meta.identities)

    def check_target(self, name: str) -> None:
        """Checks that faces can be swapped to an identity.

        Raises:
            IdentityError: The identity is unknown, or the crowd.
        """
        self.model.check_identity(name)
        refuse_crowd(name, self.meta.identities)

    def record(self) -> dict[str, Any]:
        """Description of the model with the hash of its weights, for manifests."""
        return {DIGEST: self.digest, **self.meta.record()}


def save_model(
    directory: Path,
    model: FaceAutoencoder,
    meta: ModelMeta,
) -> None:
    """Writes a model folder, complete or not at all.

    Args:
        directory: Model folder.
        model: The model.
        meta: Metadata of the model.

    Raises:
        StorageFullError: The disk is full; an existing model is left as it was.
    """
    _save(directory, model, meta, model.state_dict())


def save_weights(
    directory: Path, meta: ModelMeta, weights: Mapping[str, Tensor], source: Path
) -> None:
    """Writes a model folder of weights; sizes are those of a model that is built with them.

    Args:
        directory: Model folder.
        meta: Metadata of the model.
        weights: Weights by name.
        source: File or folder of the weights, named in error messages.

    Raises:
        ModelFileError: There is no such model, or the weights do not fit it.
        StorageFullError: The disk is full; an existing model is left as it was.
    """
    _save(directory, build_with_weights(meta, weights, source), meta, weights)


def _save(
    directory: Path, model: FaceAutoencoder, meta: ModelMeta, weights: Mapping[str, Tensor]
) -> None:
    sizes = {name: getattr(model, name) for name in _SIZES}
    save_model_folder(directory, MODEL_FORMAT, weights, asdict(meta) | sizes)


def is_saved(directory: Path, meta: ModelMeta) -> bool:
    """Whether a model folder is intact and has these metadata, whatever its weights and sizes."""
    return holds_model(directory, MODEL_FORMAT, asdict(meta), but=_SIZES)


def load_model(path: Path, device: torch.device | str = "cpu") -> LoadedModel:
    """Loads an exported model.

    Args:
        path: Model folder, the run that holds it, or one of the folder's files.
        device: Device of the model.

    Raises:
        ModelFileError: The model is missing, damaged or of a newer version.
        MissingExtraError: A package for its encoder is not installed.
    """
    folder = find_model_folder(path, _COMMAND)
    metadata = read_metadata(folder, MODEL_FORMAT)
    meta = parse_meta(metadata)
    model = build_with_weights(meta, read_weights(folder, metadata), folder)
    return LoadedModel(model.to(device), meta, metadata[DIGEST], folder)


def read_model_metadata(path: Path) -> tuple[Path, Document]:
    """Finds a model and reads its metadata only.

    Args:
        path: Model folder, the run that holds it, or one of the folder's files.

    Returns:
        Model folder, and its metadata as JSON values.

    Raises:
        ModelFileError: The model is missing, damaged or of a newer version.
    """
    folder = find_model_folder(path, _COMMAND)
    return folder, read_metadata(folder, MODEL_FORMAT)


def parse_meta(metadata: Document) -> ModelMeta:
    """Converts the metadata of a model folder, as ``read_model_metadata`` returns them."""
    names = ModelMeta.__dataclass_fields__
    values: dict[str, Any] = {name: metadata[name] for name in names if name in metadata}
    values["identities"] = tuple(values["identities"])
    return ModelMeta(**values)


def build_with_weights(
    meta: ModelMeta, weights: Mapping[str, Tensor], source: Path
) -> FaceAutoencoder:
    """Builds a model for inference.

    Args:
        meta: Architecture, options and identities.
        weights: Weights by name.
        source: File or folder of the weights, named in the error message.

    Returns:
        Model in evaluation mode on the CPU, without gradients.

    Raises:
        ModelFileError: There is no such model, or the weights do not fit it.
        MissingExtraError: A package for its encoder is not installed.
    """
    try:
        with bounded_build(weights, source):
            model = build_model(meta.architecture, meta.identities, meta.options)
    except ConfigError as error:
        raise ModelFileError(
            f"{source} describes a model that cannot be built. {error.message}",
            "Copy the whole folder again, or use the program version that wrote it.",
        ) from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelFileError(
            f"The weights in {source} do not fit the architecture {meta.architecture!r}.",
            "Use the program version that wrote them, or train the model again.",
        ) from error
    model.requires_grad_(requires_grad=False).eval()
    return model
