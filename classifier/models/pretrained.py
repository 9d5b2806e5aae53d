"""Pretrained weights: published ones, a file, or a run.

Matching tensors are loaded; a head for other classes keeps its initialisation.
"""

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
from faceswap.core.errors import ConfigError, DocumentError, ModelFileError
from faceswap.core.files import sha256_file
from faceswap.core.optional import require
from faceswap.core.weights import (
    WEIGHTS,
    is_offline,
    load_torch_archive,
    search_file,
    weights_path,
)
from faceswap.core.weights_by_url import unavailable, weights_by_url
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
    file, found, tried = _timm_file(config)
    if found is None and is_offline():
        reason = "FACESWAP_OFFLINE forbids downloading"
        raise unavailable(name, file, tried, reason)
    extra = {"pretrained_cfg_overlay": {"file": str(found)}} if found else {}
    try:
        trained = create_timm(plain, None, options, size, pretrained=True, **extra)
    except ConfigError:
        raise
    except Exception as error:  # the hub client raises many types
        if found is not None:
            raise ModelFileError(
                f"{found} does not fit {name} ({error}).", "Download it again."
            ) from error
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        reason = f"the download failed ({first_line})"
        raise unavailable(name, file, tried, reason) from error
    return dict(trained.state_dict())


def _timm_file(config: Any) -> tuple[WeightsFile, Path | None, list[str]]:
    """The weights file, its local path or None, and the searched places."""
    from huggingface_hub import try_to_load_from_cache

    if not config.hf_hub_id:
        file = file_at_url(config.url)
        return file, *search_file(file)
    inner = config.hf_hub_filename or "model.safetensors"
    origin = f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{inner}"
    # All repositories use the same file name; store it under the name of the network.
    filename = f"{config.hf_hub_id.rpartition('/')[2]}{Path(inner).suffix}"
    file = WeightsFile(filename=filename, sha256="", origin=origin)
    found, tried = search_file(file)
    if found is None:
        cached = try_to_load_from_cache(config.hf_hub_id, inner)
        found = Path(cached) if isinstance(cached, str) else None
        tried.append(f"the hub's cache of {config.hf_hub_id} (not there)")
    return file, found, tried


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
