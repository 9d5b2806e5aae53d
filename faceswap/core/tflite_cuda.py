"""TFLite networks on a CUDA device, as CUDA graphs.

These networks are a hundred small operators: launched one by one they keep a fast GPU waiting for
the CPU. A graph launches all of them at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor
from torch.nn import functional as F

Network = Callable[[Tensor], tuple[Tensor, ...]]

_BATCH = 8
_LARGEST_NUMBER = 16


@dataclass(frozen=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    images: Tensor
    outputs: tuple[Tensor, ...]

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        self.images.copy_(images)
        self.graph.replay()
        return tuple(output.clone() for output in self.outputs)


class CUDARunner:
    """Runs a network as one CUDA graph, for batches of any size.

    cuDNN needs seconds to plan the convolutions of a new input shape. The graph has therefore eight
    images, hardly slower than one: larger batches are divided, and smaller ones filled up. Inputs
    with other sides have graphs of their own; those beyond the first 16 run without one, so that
    memory is bounded. Convolutions do not use TF32, whose rounding moves landmarks.

    Args:
        run: Network, from images (B, C, H, W) float32 to its outputs.
    """

    def __init__(self, run: Network) -> None:
        self._run = run
        self._captured: dict[tuple[torch.device, torch.Size], _Captured] = {}
        self._lock = Lock()

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a batch of images, (B, C, H, W) float32 on a CUDA device."""
        with self._lock, torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            key = (images.device, images.shape[1:])
            if key not in self._captured and len(self._captured) < _LARGEST_NUMBER:
                self._captured[key] = self._capture(images)
            return in_batches(self._captured.get(key, self._run), images, _BATCH)

    def _capture(self, images: Tensor) -> _Captured:
        static = images.new_zeros(_BATCH, *images.shape[1:])
        self._run(static)  # libraries allocate and plan, which a capture must not contain
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile.
        with (
            torch.cuda.device(images.device),
            torch.cuda.graph(graph, capture_error_mode="thread_local"),
        ):
            outputs = self._run(static)
        return _Captured(graph, static, outputs)


def in_batches(run: Network, images: Tensor, size: int) -> tuple[Tensor, ...]:
    """Runs a network on batches of one size, the last one filled up with black images.

    Args:
        run: Network, from images (``size``, C, H, W) to its outputs.
        images: Images, (B, C, H, W).
        size: Number of images of each batch.

    Returns:
        Outputs for all images, with a leading B.
    """
    count = len(images)
    filled = F.pad(images, (0, 0) * 3 + (0, -count % size))
    parts = [run(batch) for batch in filled.split(size)]
    return tuple(torch.cat(outputs)[:count] for outputs in zip(*parts, strict=True))
