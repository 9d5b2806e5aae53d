"""Features of a frozen network, computed once so that its head trains in seconds."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.data.cache_key import cache_key
from classifier.data.dataset import LoadedImages
from classifier.models import BuiltNetwork
from classifier.models.inference import seen
from faceswap.core.errors import ConfigError
from faceswap.core.files import atomic_path
from faceswap.core.mapped_arrays import create_mapped_array

_BATCH = 64


class HeadInput:
    """Computes the input of a network's head.

    Args:
        built: Network for whole images, on its device and in evaluation mode.

    Raises:
        ConfigError: The network classifies pixels, or its head is not its last layer.
    """

    def __init__(self, built: BuiltNetwork) -> None:
        if built.task == "pixels":
            raise ConfigError(
                "--transfer features needs a network for whole images; this one classifies pixels.",
                "Use --transfer gradual or finetune.",
            )
        self._module = built.module
        self.head = built.module.get_submodule(built.head)
        self._require_head_last(built)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalised images ``(B, C, S, S) float32`` -> features ``(B, ...)``."""
        return self._watch(images)[0]

    @torch.no_grad()
    def _watch(self, images: Tensor) -> tuple[Tensor, Tensor]:
        caught: list[Tensor] = []

        def catch(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            caught.append(inputs[0])

        handle = self.head.register_forward_pre_hook(catch)
        try:
            logits = self._module(images)
        finally:
            handle.remove()
        assert len(caught) == 1, "a head runs once"
        return caught[0], logits

    def _require_head_last(self, built: BuiltNetwork) -> None:
        device = next(built.module.parameters()).device
        form = built.input
        probe = torch.linspace(-1, 1, 2 * form.channels * form.size**2, device=device)
        features, logits = self._watch(probe.reshape(2, form.channels, form.size, form.size))
        with torch.no_grad():
            again = self.head(features)
        if again.numel() != logits.numel() or not torch.allclose(
            again.reshape(logits.shape), logits, atol=1e-4
        ):
            raise ConfigError(
                "--transfer features needs a network that ends with its head; this one does not.",
                "Use --transfer gradual or finetune.",
            )


def compute_features(
    data: LoadedImages,
    built: BuiltNetwork,
    accelerator: Accelerator,
    *,
    mirrored: bool,
    folder: Path | None,
    on_image: Callable[[int], object] = lambda _: None,
) -> NDArray[np.float32]:
    """Features of all images; reuses those computed before.

    Args:
        data: The images.
        built: The network, on its device and in evaluation mode.
        accelerator: Accelerator of the training.
        mirrored: Whether to add a mirrored view of each image.
        folder: Folder for these features, in which earlier ones are removed; None keeps them in
            memory.
        on_image: Called with the number of images after each batch.

    Returns:
        ``(views, N, ...) float32``, memory-mapped or in memory.
    """
    path = None
    if folder is not None:
        settings = (built.input, data.images.shape, mirrored, accelerator.mixed_precision)
        path = folder / f"features-{cache_key(data.samples, _digest(built), *settings)}.npy"
        if path.is_file():
            on_image(len(data))
            return np.load(path, mmap_mode="r")
    found = HeadInput(built)
    if path is None or not accelerator.is_main_process:
        return _compute(found, data, built, accelerator, mirrored, None, on_image)
    with atomic_path(path) as temporary:
        _compute(found, data, built, accelerator, mirrored, temporary, on_image)
    for other in path.parent.glob("features-*.npy"):
        if other != path:
            with suppress(PermissionError):  # Windows keeps what is mapped
                other.unlink()
    return np.load(path, mmap_mode="r")


def _compute(
    found: HeadInput,
    data: LoadedImages,
    built: BuiltNetwork,
    accelerator: Accelerator,
    mirrored: bool,
    path: Path | None,
    on_image: Callable[[int], object],
) -> NDArray[np.float32]:
    result: NDArray[np.float32] | None = None
    for first in range(0, len(data), _BATCH):
        pixels = torch.from_numpy(np.array(data.images[first : first + _BATCH]))
        images = seen(pixels.to(accelerator.device), built)
        for view, turned in enumerate([images, images.flip(-1)] if mirrored else [images]):
            with accelerator.autocast():
                features = found(turned).float().cpu().numpy()
            if result is None:
                shape = (1 + mirrored, len(data), *features.shape[1:])
                result = _room(shape, path)
            result[view, first : first + len(features)] = features
        on_image(len(pixels))
    assert result is not None, "an empty split is refused earlier"
    if isinstance(result, np.memmap):
        result.flush()
    return result


def _room(shape: tuple[int, ...], path: Path | None) -> NDArray[np.float32]:
    if path is None:
        return np.empty(shape, np.float32)
    return create_mapped_array(path, shape, np.float32)


def _digest(built: BuiltNetwork) -> str:
    """Hash of all weights but those of the head, on which the features depend."""
    digest = hashlib.sha256()
    for name, tensor in built.module.state_dict().items():
        if not name.startswith(f"{built.head}."):
            digest.update(name.encode())
            plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(plain.numpy().tobytes())
    return digest.hexdigest()
