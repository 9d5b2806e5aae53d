"""Benchmark of face-swap training."""

import tempfile
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Rate, show, timed
from faceswap.core.config import load_config
from faceswap.core.processes import choose_device, choose_precision
from faceswap.training.build import open_training, run_training
from faceswap.training.monitoring.report import Callbacks
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.settings import TrainConfig

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_BATCH = 16  # of the reference, where none is given


def benchmark_training(
    faces: list[Path], recipes: list[str], steps: int, batch: int | None
) -> None:
    """Time the phases of recipes; the reference is a minimal fp32 loop of the classic network.

    As many steps come before those that are timed: the first ones wait for the first batch, and for
    memory that the system clears.

    The matmul limit is the throughput if all that a step computes ran at the matmul peak of the
    machine; its share is measured in the precision of the training.
    """
    reference = minimal_training(ClassicNetwork(), 64, 2 * (batch or _BATCH), max(1, steps // 2))
    show("reference: minimal fp32 loop", reference, "faces/s")
    peaks: dict[str, float] = {}
    for recipe in recipes:
        overrides = [f"training.steps={2 * steps}", f"output.log_every={steps}"]
        if batch is not None:
            overrides.append(f"training.batch={batch}")
        config = load_config(TrainConfig, "faceswap", recipe, overrides)
        names = [phase.name for phase in config.phases] or [""]
        for name, settings in zip(names, config.in_phases(), strict=True):
            title = f"train {Path(recipe).stem}" + (f", {name}" if name else "")
            _benchmark_phase(title, settings, faces, reference, peaks)


def _benchmark_phase(
    title: str, config: TrainConfig, faces: list[Path], reference: Rate, peaks: dict[str, float]
) -> None:
    identities = {f"person{n}": [path] for n, path in enumerate(faces)}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        cost = step_flops(config, identities, run) / (len(identities) * config.training.batch)
        reports: list[StepReport] = []
        run_training(config, identities, run, callbacks=Callbacks(on_step=reports.append))
    timed_steps = reports[-1]
    show(title, Rate(timed_steps.faces_per_second, 1.0), "faces/s", reference)
    print(f"{'  waiting for data':36}{timed_steps.waiting:9.1%}")
    device = choose_device(config.training.device)
    precision = choose_precision(config.training.precision, device)
    for name in ("fp32", precision):
        if name not in peaks:
            peaks[name] = matmul_peak(_DTYPES[name], device)
        print(f"{f'  matmul limit in {_DTYPES[name]}':36}{peaks[name] / cost:9.1f} faces/s")
    share = timed_steps.faces_per_second * cost / peaks[precision]
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    print(f"{'  share of the matmul limit':36}{share:9.1%} ({precision}{threads})", flush=True)


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


def step_flops(config: TrainConfig, identities: dict[str, list[Path]], run: Path) -> float:
    """Operations of the matrix products and convolutions of one step, with losses and judges.

    Args:
        config: Settings of the training, without phases.
        identities: Facesets of each identity.
        run: Folder of the run; only its cache of faces is written.
    """
    with (
        open_training(config, identities, run, writes=False) as (_, trainer),
        closing(trainer.sweep([config.optimizer.lr])) as losses,
        FlopCounterMode(display=False) as counter,
    ):
        next(losses)
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
