"""Benchmark of face-swap training."""

import tempfile
from itertools import pairwise
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Rate, show, timed
from faceswap.core.config import load_config
from faceswap.core.processes import choose_device, choose_precision
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.guides import SLOTS, Guides
from faceswap.models.model_file import load_model
from faceswap.training.build import run_training
from faceswap.training.settings import TrainConfig

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def benchmark_training(faces: list[Path], recipe: str, steps: int, batch: int) -> None:
    """Time training; the reference is a minimal fp32 loop of the classic network.

    The matmul limit is the throughput if the network ran at the matmul peak of the machine; its
    share is measured in the precision of the training.
    """
    overrides = [f"training.steps={steps}", f"training.batch={batch}"]
    config = load_config(TrainConfig, "faceswap", recipe, overrides)
    identities = {f"person{n}": [path] for n, path in enumerate(faces)}
    reference = minimal_training(ClassicNetwork(), 64, 2 * batch, steps // 2)
    with tempfile.TemporaryDirectory() as folder:
        result = run_training(config, identities, Path(folder) / "run")
        network = load_model(Path(folder) / "run").model  # with references, if it is guided
    show("reference: minimal fp32 loop", reference, "faces/s")
    show(f"train {recipe}", Rate(result.faces_per_second, 1.0), "faces/s", reference)
    print(f"{'waiting for data':36}{result.waiting:9.1%}")
    swaps = round(config.data.match * batch) if config.loss.swap else 0
    cost = step_flops(network.train().requires_grad_(), batch, swaps) / (len(identities) * batch)
    device = choose_device(config.training.device)
    precision = choose_precision(config.training.precision, device)
    limits = {}
    for name in dict.fromkeys(("fp32", "bf16", precision)):
        limits[name] = matmul_peak(_DTYPES[name], device) / cost
        print(f"{f'matmul limit in {_DTYPES[name]}':36}{limits[name]:9.1f} faces/s")
    share = result.faces_per_second / limits[precision]
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    print(f"{'share of the matmul limit':36}{share:9.1%} ({precision}{threads})")


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


def step_flops(model: FaceAutoencoder, batch: int, swaps: int) -> float:
    """Operations of the matrix products and convolutions of one step, forward and backward.

    Args:
        model: The model; a guided one with its references.
        batch: Faces of each identity.
        swaps: How many of them are also swapped.
    """
    size, identities = model.input_size, len(model.identities)
    guides = None
    if isinstance(model, GuidedAutoencoder):
        shapes = torch.stack([model.references_of(name).meshes[0] for name in model.identities])
        slots = identities, batch, SLOTS
        guides = Guides(
            shapes[:, None].expand(-1, batch, -1, -1),
            torch.zeros(slots, dtype=torch.int64),
            torch.full(slots, 0.5),
        )
    with FlopCounterMode(display=False) as counter:
        decoded = model(torch.rand(identities, batch, 3, size, size), swaps, guides)
        torch.stack([value.mean() for value in decoded if value is not None]).sum().backward()
    return counter.get_total_flops()


def matmul_peak(dtype: torch.dtype, device: torch.device) -> float:
    """Operations per second of a large matrix product, with the threads that torch uses now."""
    size = 3072
    a, b = torch.rand(2, size, size, device=device).to(dtype)

    def multiply() -> int:
        (a @ b)[0, 0].item()  # waits for the device
        return 1

    multiply()
    return max(timed(multiply).value for _ in range(5)) * 2 * size**3
