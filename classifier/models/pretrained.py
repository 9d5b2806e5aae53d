"""Pretrained weights: published ones, a file, or a run.

Matching tensors are loaded; a head for other classes keeps its initialisation.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from classifier.models.matching import LoadReport, load_matching
from classifier.models.network import TIMM, BuiltNetwork
from classifier.models.registry import build_network, networks
from classifier.models.timm_networks import create_timm
from classifier.models.torchvision_networks import torchvision_names
from faceswap.core.documents import read_json
from faceswap.core.errors import ConfigError, DocumentError, ModelFileError, WeightsUnavailable
from faceswap.core.files import sha256_file
from faceswap.core.optional import require
from faceswap.core.weights import (
    WEIGHTS,
    load_torch_archive,
    search_file,
    unavailable_message,
    weights_path,
)
from faceswap.core.weights_by_url import weights_by_url
from faceswap.core.weights_table import WeightsFile, file_at_url

__all__ = ["LoadReport", "load_published", "load_weights_file", "read_weights"]

_MODEL, _ABOUT = "model.safetensors", "model.json"


def load_published(
    name: str, classes: int, options: Mapping[str, Any], size: int | None = None
) -> tuple[BuiltNetwork, LoadReport]:
    """Build a network and load its published weights (mostly ImageNet-1k).

    Args:
        name: Network, see ``build_network``. Of this package, ``resnet20`` has weights (CIFAR-10).
        classes: Number of outputs. The head is loaded if the weights have the same number.
        options: Options of the network.
        size: Side of the input images in pixels; see ``build_network``.

    Returns:
        The network and the load report.

    Raises:
        ConfigError: Unknown network or option, or no published weights.
        WeightsUnavailable: The weights are not stored locally and cannot be downloaded.
        ModelFileError: The file is damaged.
    """
    built = build_network(name, classes, options, size)
    if name in networks.names():
        tensors = read_weights(_own_weights(name))
    elif name.startswith(TIMM):
        tensors = _timm_weights(name, options, size)
    else:
        from torchvision import models

        url = models.get_model_weights(name)["DEFAULT"].url
        tensors = read_weights(weights_by_url(name, url))
    return built, load_matching(built.module, tensors, name)


def _own_weights(name: str) -> Path:
    if name in WEIGHTS:
        return weights_path(name)
    have = [other for other in networks.names() if other in WEIGHTS]
    raise ConfigError(
        f"The network {name!r} has no published weights.",
        f"Networks with weights: {', '.join([*have, *torchvision_names()])}, and {TIMM}NAME.",
    )


def _timm_weights(name: str, options: Mapping[str, Any], size: int | None) -> dict[str, Tensor]:
    """Weights as loaded by timm, which renames and resamples tensors."""
    timm = require("timm", "timm")
    plain = name.removeprefix(TIMM)
    config = timm.get_pretrained_cfg(plain)
    if config is None or not (config.hf_hub_id or config.url):
        raise ConfigError(f"timm publishes no weights for {plain!r}.", "Choose another tag.")
    found = _timm_file(name, config)
    # timm would load an archive with all that is in it; ours is of tensors only.
    is_tensors = found.suffix != ".npz"
    overlay = {"state_dict": read_weights(found)} if is_tensors else {"file": str(found)}
    try:
        trained = create_timm(
            plain, None, options, size, pretrained=True, pretrained_cfg_overlay=overlay
        )
    except ConfigError:
        raise
    except Exception as error:  # timm's loaders raise many types
        raise ModelFileError(
            f"{found} does not fit {name} ({error}).", "Download it again."
        ) from error
    return dict(trained.state_dict())


def _timm_file(name: str, config: Any) -> Path:
    """Path of timm's weights file.

    The hub publishes no hashes apart from the files: what its own client fetched is used, and
    nothing is downloaded from there. Many of the files are also at a URL with a hash.
    """
    if not config.hf_hub_id:
        return weights_by_url(name, config.url)
    inner = config.hf_hub_filename or "model.safetensors"
    # All repositories use the same file name; it is stored under the name of the network.
    filename = f"{config.hf_hub_id.rpartition('/')[2]}{Path(inner).suffix}"
    origin = f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{inner}"
    file = WeightsFile(filename=filename, sha256="", origin=origin)
    found, tried = search_file(file)
    found = found or _in_hub_cache(config.hf_hub_id, inner)
    if found is not None:
        return found
    if config.url and file_at_url(config.url).sha256:
        return weights_by_url(name, config.url)
    raise WeightsUnavailable(
        unavailable_message(
            name,
            file,
            [*tried, f"the hub's cache of {config.hf_hub_id} (not there, or damaged)"],
            "a download could not be verified, since no hash of it is published",
        ),
        f"On a machine with web access run `hf download {config.hf_hub_id} {inner}`. For another "
        f"machine copy that file there as {filename} and set FACESWAP_WEIGHTS to its folder.",
    )


def _in_hub_cache(repository: str, inner: str) -> Path | None:
    """A file that the client of the Hugging Face hub fetched and verified, or None."""
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(repository, inner)
    if not isinstance(cached, str):
        return None
    # Large files are stored under their SHA-256.
    stored = Path(cached).resolve().name
    damaged = re.fullmatch("[0-9a-f]{64}", stored) and sha256_file(Path(cached)) != stored
    return None if damaged else Path(cached)


def load_weights_file(built: BuiltNetwork, path: Path) -> LoadReport:
    """Load matching weights from a file or a run.

    Prefixes that training programs add (``module.``, ``model.``, ``backbone.``, ``_orig_mod.``) and
    containers (``state_dict``, ``model``, ...) are recognised.

    Args:
        built: Changed in place.
        path: A ``.safetensors`` file; a torch archive (``.pth``, ``.pt``, ``.th``) of tensors; or a
            run's folder or its ``model/``.

    Returns:
        Report of the loaded, adapted, resized and missing tensors.

    Raises:
        ModelFileError: It is no such file, is damaged, or nothing in it fits the network.
    """
    return load_matching(built.module, read_weights(path), str(path))


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a file or of a run, by name; containers are opened.

    Raises:
        ModelFileError: The file is missing, damaged, or has no named tensors.
    """
    if path.is_dir():
        path = _model_file(path)
    if path.suffix == ".safetensors":
        tensors = _read_safetensors(path)
    else:
        tensors = _open_containers(load_torch_archive(path))
    if not tensors:
        raise ModelFileError(f"{path} has no named tensors.", "Pass a weights file (a state dict).")
    return tensors


def _model_file(folder: Path) -> Path:
    for place in (folder, folder / "model"):
        if (place / _MODEL).is_file():
            _check_digest(place)
            return place / _MODEL
    raise ModelFileError(
        f"{folder} has no {_MODEL}.", "Pass the folder of a finished run, or a weights file."
    )


def _check_digest(folder: Path) -> None:
    try:
        about = read_json(folder / _ABOUT, dict[str, Any])
    except (OSError, DocumentError):
        return  # not a model folder of this toolkit: there is no digest to compare with
    expected = about.get("weights_sha256", about.get("sha256"))
    if expected is not None and sha256_file(folder / _MODEL) != expected:
        raise ModelFileError(f"{folder / _MODEL} is damaged.", "Copy it again.")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFileError(
            f"{path} is not a safetensors file ({error}).", "Check the path, or copy it again."
        ) from error


def _open_containers(value: Any) -> dict[str, Tensor]:
    """The tensors of the outermost dictionary that has some; of several, the largest."""
    if not isinstance(value, Mapping):
        return {}
    tensors = {str(name): part for name, part in value.items() if isinstance(part, Tensor)}
    if tensors:
        return tensors
    inner = [_open_containers(part) for part in value.values()]
    return max(inner, key=len, default={})
