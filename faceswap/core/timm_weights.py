"""Published weights of timm's networks, as files."""

import re
from pathlib import Path
from typing import Any

from faceswap.core.errors import ConfigError, WeightsUnavailable
from faceswap.core.files import sha256_file
from faceswap.core.optional import require
from faceswap.core.published_tensors import read_tensors
from faceswap.core.weights import search_file, unavailable_message
from faceswap.core.weights_by_url import weights_by_url
from faceswap.core.weights_table import WeightsFile, file_at_url


def timm_overlay(name: str) -> tuple[Path, dict[str, Any]]:
    """The published weights of a network, found or fetched.

    Args:
        name: Name in timm, with or without a tag.

    Returns:
        The file, and what ``timm.create_model`` takes as ``pretrained_cfg_overlay`` to load it.

    Raises:
        ConfigError: timm publishes no weights for it.
        WeightsUnavailable: The weights are not on this machine and cannot be downloaded.
        ModelFileError: The file is damaged.
    """
    config = require("timm", "timm").get_pretrained_cfg(name)
    if config is None or not (config.hf_hub_id or config.url):
        raise ConfigError(f"timm publishes no weights for {name!r}.", "Choose another tag.")
    found = _file(f"timm:{name}", config)
    # timm would load an archive with all that is in it; ours is of tensors only.
    if found.suffix == ".npz":
        return found, {"file": str(found)}
    return found, {"state_dict": read_tensors(found)}


def _file(name: str, config: Any) -> Path:
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
