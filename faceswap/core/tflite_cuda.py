"""TFLite networks on a CUDA device, as CUDA graphs.

These networks are a hundred small operators: launched one by one they keep a fast GPU waiting for
the CPU. A graph launches all of them at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

_LARGEST_NUMBER = 16


@dataclass(frozen=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    images: Tensor
    outputs: tuple[Tensor, ...]


class CUDARunner:
    """Runs a network as one CUDA graph for each shape of its input, and device.

    The first batch of a shape runs operator by operator; from the second one on, its graph is
    replayed. Shapes beyond the first 16 run without a graph, so that memory is bounded.
    Convolutions do not use TF32, whose rounding moves landmarks.

    Args:
        run: Network, from images (B, C, H, W) float32 to its outputs.
    """

    def __init__(self, run: Callable[[Tensor], tuple[Tensor, ...]]) -> None:
        self._run = run
        self._captured: dict[tuple[torch.device, torch.Size], _Captured | None] = {}
        self._lock = Lock()

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a batch of images, (B, C, H, W) float32 on a CUDA device."""
        key = (images.device, images.shape)
        with self._lock, torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            if key not in self._captured:
                if len(self._captured) < _LARGEST_NUMBER:
                    self._captured[key] = None
                return self._run(images)
            captured = self._captured[key]
            if captured is None:
                captured = self._captured[key] = self._capture(images)
            captured.images.copy_(images)
            captured.graph.replay()
            return tuple(output.clone() for output in captured.outputs)

    def _capture(self, images: Tensor) -> _Captured:
        static = images.clone()
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile.
        with (
            torch.cuda.device(images.device),
            torch.cuda.graph(graph, capture_error_mode="thread_local"),
        ):
            outputs = self._run(static)
        return _Captured(graph, static, outputs)
