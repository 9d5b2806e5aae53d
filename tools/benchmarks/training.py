"""Benchmark of face-swap training."""

import tempfile
from itertools import pairwise
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Rate, show, timed
from faceswap.core.config import load_config
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.registry import build_model
from faceswap.training.build import run_training
from faceswap.training.settings import TrainConfig


def benchmark_training(faces: list[Path], recipe: str, steps: int, batch: int) -> None:
    """Time training; the reference is a minimal fp32 loop of the classic network.

    The matmul limit is the throughput if the network ran at the matmul peak of the machine.
    """
    overrides = [f"training.steps={steps}", f"training.batch={batch}"]
    config = load_config(TrainConfig, "faceswap", recipe, overrides)
    identities = {f"person{n}": [path] for n, path in enumerate(faces)}
    reference = minimal_training(ClassicNetwork(), 64, 2 * batch, steps // 2)
    with tempfile.TemporaryDirectory() as folder:
        result = run_training(config, identities, Path(folder) / "run")
    show("reference: minimal fp32 loop", reference, "faces/s")
    show(f"train {recipe}", Rate(result.faces_per_second, 1.0), "faces/s", reference)
    print(f"{'waiting for data':36}{result.waiting:9.1%}")
    network = build_model(config.model.name, list(identities), config.model.options)
    cost = 3 * multiply_adds(network, batch)  # forward once, backward twice
    for dtype in (torch.float32, torch.bfloat16):
        limit = Rate(matmul_peak(dtype) / cost, 1.0)
        print(f"{f'matmul limit in {dtype}':36}{limit.value:9.1f} faces/s")


def minimal_training(network: torch.nn.Module, size: int, faces: int, steps: int) -> Rate:
    """Time a minimal loop: fp32, contiguous layout, Adam, random data."""
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-5, betas=(0.5, 0.999))

    def step() -> int:
        batch, target = torch.rand(2, faces, 3, size, size)
        loss = (network(batch) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return faces

    step()
    return timed(lambda: sum(step() for _ in range(steps)))


class ClassicNetwork(torch.nn.Module):
    """The classic shared-encoder network for two identities, built of torch.nn layers."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 128, 256, 512, 1024)
        downs = [
            layer
            for i, o in pairwise(widths)
            for layer in (torch.nn.Conv2d(i, o, 5, 2, 2), torch.nn.LeakyReLU(0.1))
        ]
        self.encoder = torch.nn.Sequential(
            *downs,
            torch.nn.Flatten(),
            torch.nn.Linear(16 * 1024, 1024),
            torch.nn.Linear(1024, 16 * 1024),
            torch.nn.Unflatten(1, (1024, 4, 4)),
            *self._up(1024, 512),
        )
        self.decoders = torch.nn.ModuleList(self._decoder() for _ in range(2))

    @staticmethod
    def _up(inputs: int, outputs: int) -> list[torch.nn.Module]:
        convolution = torch.nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
        return [convolution, torch.nn.LeakyReLU(0.1), torch.nn.PixelShuffle(2)]

    def _decoder(self) -> torch.nn.Module:
        ups = [layer for i, o in ((512, 256), (256, 128), (128, 64)) for layer in self._up(i, o)]
        return torch.nn.Sequential(*ups, torch.nn.Conv2d(64, 3, 5, padding=2), torch.nn.Sigmoid())

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """``(B, 3, 64, 64)``, first half of one identity, second half of the other."""
        codes = self.encoder(faces).chunk(2)
        return torch.cat([decode(code) for decode, code in zip(self.decoders, codes, strict=True)])


def multiply_adds(model: FaceAutoencoder, batch: int) -> float:
    """Multiply-adds per face of one forward pass."""
    size, identities = model.input_size, len(model.identities)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.rand(identities, batch, 3, size, size))
    return counter.get_total_flops() / 2 / (identities * batch)


def matmul_peak(dtype: torch.dtype) -> float:
    """Multiply-adds per second of a large matrix product on this machine."""
    size = 3072
    a, b = torch.rand(size, size).to(dtype), torch.rand(size, size).to(dtype)
    torch.mm(a, b)
    rate = timed(lambda: sum((a @ b).ndim / 2 for _ in range(5)))
    return rate.value * size**3
