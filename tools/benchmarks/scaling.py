"""Scaling of a training to many GPUs on paper, from bytes and operations that are measured here."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.futures import Future
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from faceswap.core.checkpoint import save_checkpoint
from faceswap.core.config import load_config
from faceswap.core.processes import open_accelerator
from faceswap.models import build_model
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.from_settings import build_phases
from faceswap.training.inputs.opening import open_facesets
from faceswap.training.inputs.prepare import prepare_data
from faceswap.training.settings import TrainConfig

IDENTITIES = ("a", "b")
_FP32 = 4  # bytes of a weight and of its gradient
_GIB = 1 << 30


@dataclass(frozen=True)
class Assumptions:
    """What is assumed of machines that are not here.

    Attributes:
        flops: Operations a second that a GPU reaches in training.
        gpus: GPUs of a machine.
        inside: Bytes a second of a ring between the GPUs of a machine, in each direction.
        latency: Seconds of a message.
        backward: Fraction of a step in which gradients can be sent while others are computed.
        disk: Bytes a second of the disk of checkpoints.
        cores: CPU cores of each GPU.
    """

    flops: float = 300e12
    gpus: int = 8
    inside: float = 300e9
    latency: float = 5e-6
    backward: float = 2 / 3
    disk: float = 1e9
    cores: int = 12


# Bytes a second between machines, for each machine and direction.
NETWORKS = {"25 Gb/s": 25e9 / 8, "100 Gb/s": 100e9 / 8, "400 Gb/s": 400e9 / 8}


@dataclass(frozen=True)
class Measured:
    """What is measured of a recipe.

    Attributes:
        parameters: Number of parameters of the model.
        face_flops: Operations of forward and backward pass for a face.
        copies: Tensors of the size of the weights in a checkpoint: weights, moments, average.
        core_faces: Faces a second that a CPU core samples.
        write_seconds: CPU seconds that a checkpoint of a GiB takes, checksums included.
    """

    parameters: int
    face_flops: float
    copies: int
    core_faces: float
    write_seconds: float


def ring_seconds(size: float, count: int, assumed: Assumptions, network: float) -> float:
    """Time of an all-reduce in a ring through all GPUs.

    Each process sends and receives ``2 (N - 1) / N`` times the size; between two machines the ring
    passes once, so a machine sends no more than one of its GPUs.

    Args:
        size: Bytes that are summed.
        count: Number of processes, N.
        assumed: Assumptions.
        network: Bytes a second between machines.
    """
    slowest = assumed.inside if count <= assumed.gpus else min(network, assumed.inside)
    return 2 * (count - 1) * (size / count / slowest + assumed.latency)


def efficiency(compute: float, exchange: float, overlap: float) -> float:
    """Fraction of the time of a step in which GPUs compute.

    Args:
        compute: Seconds of computation.
        exchange: Seconds of the all-reduce.
        overlap: Seconds of it that may pass during computation.
    """
    return compute / (compute + max(0.0, exchange - overlap))


def meta_model(name: str, options: Mapping[str, Any]) -> FaceAutoencoder:
    """A model without memory; one that grows is at its last level."""
    with torch.device("meta"):
        model = build_model(name, IDENTITIES, options)
    model.grow(1.0)
    return model


def face_flops(model: FaceAutoencoder, swaps: float, faces: int = 2) -> float:
    """Operations of a step for a face of an identity, with the fraction that is decoded twice."""
    size = model.input_size
    batch = torch.empty(len(IDENTITIES), faces, 3, size, size, device="meta")
    with FlopCounterMode(display=False) as counter:
        decoded = model(batch, round(swaps * faces))
        total = sum(t.sum() for t in (decoded.face, decoded.mask, decoded.swapped) if t is not None)
        assert isinstance(total, Tensor)
        total.backward()
    return counter.get_total_flops() / (len(IDENTITIES) * faces)


def gradient_traffic(name: str, options: Mapping[str, Any], steps: int = 4) -> tuple[float, float]:
    """Bytes of gradients that two processes sum in a step, and bytes on the loopback device.

    Both processes run on the CPU. Other programs use the loopback device, too: for its figure,
    start the benchmark in a network namespace of its own.

    Returns:
        Bytes in the buckets of DistributedDataParallel, and bytes sent by each process.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = partial(_exchange, folder=folder, name=name, options=dict(options), steps=steps)
        spawn(work, nprocs=2)
        bucketed, sent = map(float, (Path(folder) / "found").read_text().split())
    return bucketed, sent


def _exchange(rank: int, folder: str, name: str, options: Mapping[str, Any], steps: int) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    model = build_model(name, IDENTITIES, options)
    # Networks that grow leave layers of other levels unused.
    wrapped = DistributedDataParallel(
        model, gradient_as_bucket_view=True, find_unused_parameters=model.grows
    )
    seen: list[int] = []

    # DistributedDataParallel checks the annotation.
    def count(
        _state: object,
        bucket: torch.distributed.GradBucket,  # pyright: ignore[reportPrivateImportUsage]
    ) -> Future[Tensor]:
        gradients = bucket.buffer()
        seen.append(gradients.numel() * gradients.element_size())
        work = torch.distributed.all_reduce(gradients.div_(2), async_op=True)
        assert work is not None
        return work.get_future().then(lambda done: done.value()[0])

    wrapped.register_comm_hook(None, count)
    faces = torch.rand(len(IDENTITIES), 1, 3, model.input_size, model.input_size)
    wrapped(faces).face.sum().backward()  # buckets are rebuilt after the first step
    seen.clear()
    torch.distributed.barrier()
    before = _loopback_bytes()
    for _ in range(steps):
        wrapped(faces).face.sum().backward()
    torch.distributed.barrier()
    if rank == 0:
        sent = (_loopback_bytes() - before) / steps / 2
        (Path(folder) / "found").write_text(f"{sum(seen) / steps} {sent}")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def _loopback_bytes() -> int:
    lines = Path("/proc/self/net/dev").read_text().splitlines()
    fields = next(line for line in lines if line.strip().startswith("lo:")).split(":")[1].split()
    return int(fields[8])  # sent


def faces_per_core(config: TrainConfig, model: FaceAutoencoder, faces: Sequence[Path]) -> float:
    """Faces a second that a core samples for the first phase of a recipe; without the disk."""
    identities: dict[str, Sequence[Path]] = {
        name: [path] for name, path in zip(IDENTITIES, faces, strict=True)
    }
    facesets = open_facesets(identities, config.data.minimum, config.data.mask)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, open_accelerator("cpu", "fp32") as opened:
        plans = [phase.batches for phase in build_phases(config, opened)]
        data = prepare_data(config, facesets, Path(folder), opened, model, plans, lambda _: None)
        for number in range(2):
            data.batches[number]
        begun, steps = time.process_time(), 8
        for number in range(2, 2 + steps):
            data.batches[number]
        seconds = time.process_time() - begun
    return steps * len(IDENTITIES) * plans[0].batch / seconds


def write_seconds(size: int = 1 << 28) -> float:
    """CPU seconds that a checkpoint of a GiB takes, checksums included."""
    with tempfile.TemporaryDirectory() as folder:
        tensors = {"w": torch.rand(size // _FP32)}
        begun = time.process_time()
        save_checkpoint(Path(folder), 1, {"model": tensors}, {})
        return (time.process_time() - begun) * _GIB / size


def measure(recipe: str, overrides: Sequence[str], faces: Sequence[Path]) -> Measured:
    """Measures what the table of a recipe needs; see ``benchmark_scaling``."""
    config = load_config(TrainConfig, "faceswap", recipe, ["training.batch=4", *overrides])
    first = config.in_phases()[0]
    model = meta_model(config.model.name, config.model.options)
    swaps = config.data.match if first.loss.swap else 0.0
    moments = {"lion": 1}.get(config.optimizer.name, 2)
    return Measured(
        sum(weight.numel() for weight in model.parameters()),
        face_flops(model, swaps),
        1 + moments + bool(config.optimizer.ema),
        faces_per_core(first, model, faces),
        write_seconds(),
    )


def table(found: Measured, assumed: Assumptions, batch: int, every: int) -> list[str]:
    """Rows of efficiency and throughput, in Markdown.

    Args:
        found: Measured figures.
        assumed: Assumptions.
        batch: Faces of all identities in a step, for each GPU.
        every: Steps between checkpoints.
    """
    gradients = _FP32 * found.parameters
    compute = batch * found.face_flops / assumed.flops
    # The model is written a second time, for conversion.
    save = _FP32 * found.parameters * (found.copies + 1) / assumed.disk
    rows = ["| GPUs | network | all-reduce | efficiency | with overlap | saving | faces/s |"]
    rows.append("|---|---|---|---|---|---|---|")
    for count in (8, 64, 512):
        networks = NETWORKS if count > assumed.gpus else {"one machine": assumed.inside}
        for name, network in networks.items():
            exchange = ring_seconds(gradients, count, assumed, network)
            plain, hidden = (
                efficiency(compute, exchange, o * compute) for o in (0, assumed.backward)
            )
            step = compute / hidden
            saving = save / (save + every * step)
            rate = count * batch / step * (1 - saving)
            rows.append(
                f"| {count} | {name} | {1000 * exchange:.1f} ms | {plain:.0%} | {hidden:.0%} | "
                f"{saving:.1%} | {rate:,.0f} |"
            )
    return rows


def benchmark_scaling(
    recipe: str, overrides: Sequence[str], faces: Sequence[Path], batch: int
) -> None:
    """Print what a recipe sends, computes and loads, and its efficiency on many GPUs."""
    assumed, found = Assumptions(), measure(recipe, overrides, faces)
    rate = batch * assumed.flops / (batch * found.face_flops)
    needed = rate / found.core_faces
    checkpoint = _FP32 * found.parameters * found.copies
    config = load_config(TrainConfig, "faceswap", recipe, overrides)
    print(f"parameters                      {found.parameters / 1e6:10.1f} million")
    print(f"gradients of a step             {_FP32 * found.parameters / 1e6:10.1f} MB")
    print(f"operations of a face            {found.face_flops / 1e12:10.3f} TFLOP")
    print(f"computation of a step           {1000 * batch / rate:10.1f} ms on a GPU")
    print(f"faces of a CPU core             {found.core_faces:10.1f} a second")
    print(f"CPU cores needed by a GPU       {needed:10.2f} of {assumed.cores}")
    print(f"checkpoint                      {checkpoint / 1e9:10.2f} GB")
    print(f"writing a GiB of checkpoint     {found.write_seconds:10.2f} s of a core")
    print("\n".join(table(found, assumed, batch, config.output.save_every)))


def benchmark_traffic(name: str, settings: Sequence[str]) -> None:
    """Print the bytes of a step's gradients: by formula, in buckets, and on the loopback device."""
    config = load_config(
        TrainConfig,
        "faceswap",
        None,
        [f"model.name={name}", *(f"model.options.{setting}" for setting in settings)],
    )
    model = meta_model(name, config.model.options)
    formula = _FP32 * sum(weight.numel() for weight in model.parameters())
    bucketed, sent = gradient_traffic(name, config.model.options)
    print(f"4 bytes for each parameter      {formula / 1e6:10.2f} MB")
    print(f"in buckets                      {bucketed / 1e6:10.2f} MB")
    print(f"sent by each of two processes   {sent / 1e6:10.2f} MB")
