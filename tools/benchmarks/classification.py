"""Benchmark of classifier training."""

import tempfile
from pathlib import Path

import torch

from benchmarks.timing import Rate, show, timed
from classifier.data import LoadedImages, load_images
from classifier.models import BuiltNetwork, build_network
from classifier.models.formats import normalise
from classifier.training.build import open_data
from classifier.training.run import run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.settings import Settings
from faceswap.core.config import load_config


def benchmark_classifier(data: Path, model: str, batch: int, epochs: int) -> None:
    """Time classifier training; the reference is a minimal fp32 loop on a prepared batch."""
    overrides = [f"network.name={model}", f"data.batch_size={batch}", f"epochs={epochs}"]
    settings = load_config(Settings, "classifier", None, [*overrides, "augment.flip=true"])
    dataset = open_data(data, settings)
    built = build_network(model, len(dataset.classes), {})
    images, _ = load_images(dataset.splits["train"], built.input)
    reference = minimal_training(built, images, batch)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder) / "run")
        history = run_training(data, settings, run).history
    fastest = max(result.images_per_second for result in history)
    show("reference: minimal fp32 loop", reference, "images/s")
    show(f"classifier train {model}", Rate(fastest, 1.0), "images/s", reference)


def minimal_training(built: BuiltNetwork, images: LoadedImages, batch: int) -> Rate:
    """Time a minimal loop: fp32, contiguous layout, AdamW, one prepared batch."""
    optimizer = torch.optim.AdamW(built.module.parameters(), lr=1e-3)
    inputs = normalise(torch.from_numpy(images.images[:batch]), built.input)
    labels = torch.from_numpy(images.labels[:batch])
    steps = max(8, len(images) // batch)

    def step() -> int:
        loss = torch.nn.functional.cross_entropy(built.module(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return len(inputs)

    step()
    return timed(lambda: sum(step() for _ in range(steps)))
