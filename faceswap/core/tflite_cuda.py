"""TFLite networks on a CUDA device, as CUDA graphs.

These networks are a hundred small operators: launched one by one they keep a fast GPU waiting for
the CPU. A graph launches all of them at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Network = Callable[[Tensor], tuple[Tensor, ...]]

_BATCH = 8
_SMALL = 256 * 256  # px, of inputs of which eight at once are hardly slower than one
_LARGEST_NUMBER = 16

# Of all networks: only one capture may run in a process, and the settings of cuDNN are global.
_LOCK = Lock()


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

    cuDNN needs seconds to plan the convolutions of a new input shape. The graph of small images has
    therefore eight of them, hardly slower than one: larger batches are divided, and smaller ones
    filled up. That of large images has one. Inputs with other sides have graphs of their own, which
    share their memory; those beyond the first 16 run without one. Convolutions do not use TF32,
    whose rounding moves landmarks.
    """

    def __init__(self) -> None:
        self._captured: dict[tuple[torch.device, torch.Size], _Captured] = {}
        self._pool: Any = None

    @torch.inference_mode()
    def __call__(self, run: Network, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a batch of images.

        Args:
            run: Network, from images to its outputs; the same in each call.
            images: Images, (B, C, H, W) float32 on a CUDA device.
        """
        size = _BATCH if images.shape[2] * images.shape[3] <= _SMALL else 1
        key = (images.device, images.shape[1:])
        with _LOCK:
            if key not in self._captured:
                with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                    if len(self._captured) == _LARGEST_NUMBER:
                        return run(images)
                    self._captured[key] = self._capture(run, images, size)
            return in_batches(self._captured[key], images, size)

    def _capture(self, run: Network, images: Tensor, size: int) -> _Captured:
        static = images.new_zeros(size, *images.shape[1:])
        run(static)  # libraries allocate and plan, which a capture must not contain
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(images.device):
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            # Other threads may use the device meanwhile.
            with torch.cuda.graph(graph, self._pool, capture_error_mode="thread_local"):
                outputs = run(static)
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
