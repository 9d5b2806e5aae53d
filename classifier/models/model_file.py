"""A trained classifier on disk: its weights, and the metadata needed to rebuild it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn

from classifier.models import BuiltNetwork, InputFormat, build_network
from faceswap.core.bounded_build import bounded_build
from faceswap.core.documents import DocumentModel, Finite, Items
from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.core.formats import Document, Format
from faceswap.core.model_folder import (
    DIGEST,
    METADATA,
    find_model_folder,
    read_metadata,
    read_weights,
    save_model_folder,
)
from faceswap.core.names import Sha256Hex


def _rename(old: str, new: str) -> Callable[[Document], Document]:
    def migrate(document: Document) -> Document:
        document[new] = document.pop(old)
        return document

    return migrate


Side = Annotated[int, Field(ge=1, le=1 << 14)]


class _InputDocument(DocumentModel):
    size: Side
    channels: Literal[1, 3]
    mean: Items[Finite]
    std: Items[Finite]


class _ModelDocument(DocumentModel):
    network: str
    options: Annotated[dict[str, Any], Field(max_length=64)]
    size: Side | None
    classes: Annotated[Items[str], Field(min_length=1, max_length=100_000)]
    side: Annotated[list[Side], Field(min_length=2, max_length=2)] | None
    ignore_index: Annotated[int, Field(ge=0, le=255)] | None
    scores: dict[str, Finite]
    data: str
    task: Literal["images", "pixels"]
    rule: str
    head: str
    input: _InputDocument
    weights_sha256: Sha256Hex


MODEL_FORMAT = Format(
    "classifier-model",
    4,
    ModelFileError,
    {2: _rename("void", "ignore_index"), 3: _rename("sha256", DIGEST)},
    _ModelDocument,
)


@dataclass(frozen=True)
class ModelMeta:
    """Metadata stored beside the weights.

    Attributes:
        network: Name in the registry of networks.
        options: Options of the network.
        size: Requested side of the input images in pixels; None for the default of the network.
        classes: Names of the outputs, in order.
        side: Height and width in pixels that images with masks were scaled to; None when they kept
            their size, and for classification of whole images.
        ignore_index: Mask value of unlabelled pixels, or None.
        scores: Validation scores of the exported epoch, by name.
        data: Digest of the images and their splits, by which runs are compared.
    """

    network: str
    options: dict[str, Any]
    size: int | None
    classes: tuple[str, ...]
    side: tuple[int, int] | None = None
    ignore_index: int | None = None
    scores: dict[str, float] = field(default_factory=dict)
    data: str = ""


@dataclass(frozen=True)
class LoadedClassifier:
    """A trained network.

    Attributes:
        built: Network in evaluation mode, and its input format.
        meta: Metadata of the network, as stored in ``model.json``.
        digest: SHA-256 of the weights file, in hex.
    """

    built: BuiltNetwork
    meta: ModelMeta
    digest: str

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        return self.built.module

    @property
    def input(self) -> InputFormat:
        """Format of the input images."""
        return self.built.input

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return self.meta.classes

    @property
    def network(self) -> str:
        """Name in the registry of networks."""
        return self.meta.network

    @property
    def side(self) -> tuple[int, int] | None:
        """Height and width in pixels that images with masks were scaled to, or None."""
        return self.meta.side

    @property
    def scores(self) -> dict[str, float]:
        """Validation scores of the exported epoch, by name."""
        return self.meta.scores

    @property
    def data(self) -> str:
        """Digest of the images and their splits."""
        return self.meta.data


def save_model(
    directory: Path, tensors: Mapping[str, Tensor], built: BuiltNetwork, meta: ModelMeta
) -> None:
    """Writes a model folder, complete or not at all.

    Args:
        directory: Model folder; an existing one is replaced.
        tensors: Weights by name, which may differ from those of ``built``.
        built: Network of the same kind, whose task, head and input format are recorded.
        meta: Metadata.
    """
    facts = {
        "task": built.task,
        "rule": built.rule,
        "head": built.head,
        "input": asdict(built.input),
    }
    save_model_folder(directory, MODEL_FORMAT, tensors, asdict(meta) | facts)


def load_model(directory: Path, device: str = "cpu") -> LoadedClassifier:
    """Loads a trained network.

    Args:
        directory: Model folder, or the run that holds it.
        device: Device of the network.

    Raises:
        ModelFileError: There is no model, or it is damaged or of a version that cannot be read.
    """
    folder = find_model_folder(directory, "classifier train")
    metadata = read_metadata(folder, MODEL_FORMAT)
    weights = read_weights(folder, metadata)
    meta = _parse_meta(metadata)
    try:
        with bounded_build(weights, folder / METADATA):
            built = build_network(meta.network, len(meta.classes), meta.options, meta.size)
        built.module.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise ModelFileError(
            f"{folder / METADATA} does not describe the weights beside it: {error}.",
            "Copy the whole folder again.",
        ) from error
    except ConfigError as error:
        raise ModelFileError(
            f"The network in {folder} cannot be built: {error.message}", error.hint
        ) from error
    built.module.eval().to(device)
    return LoadedClassifier(built, meta, metadata[DIGEST])


def _parse_meta(metadata: Document) -> ModelMeta:
    values: dict[str, Any] = {name: metadata[name] for name in ModelMeta.__dataclass_fields__}
    values["classes"] = tuple(values["classes"])
    if values["side"] is not None:
        height, width = values["side"]
        values["side"] = (height, width)
    return ModelMeta(**values)
