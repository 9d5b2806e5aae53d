"""Measures each stage against a plain reference in the same run, since machines are noisy.

python tools/benchmark.py extract CLIP
python tools/benchmark.py convert CLIP --model runs/ab --to bob
python tools/benchmark.py train --model original --batch 16
python tools/benchmark.py memory CLIP --model runs/ab --to bob
python tools/benchmark.py classify DATA --model resnet20
"""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch.utils.flop_counter import FlopCounterMode

from classifier.data import LoadedImages, load_images
from classifier.models import BuiltNetwork, build_network
from classifier.models.formats import normalise
from classifier.training.run import run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.session import Voice
from classifier.training.settings import Settings
from classifier.training.training_data import open_data
from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.pipeline import EncodeSettings, convert_source
from faceswap.conversion.swapper import Swapper
from faceswap.core.config import load_config
from faceswap.core.device import pick_device
from faceswap.extraction.pipeline import ExtractSettings, extract_source
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, warp
from faceswap.media.images import encode_image
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import load_model
from faceswap.models.registry import build_model
from faceswap.tracking.finder import build_tracker
from faceswap.training.build import run_training as train_faces
from faceswap.training.settings import TrainConfig

app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=True)
Clip = Annotated[Path, typer.Argument(help="A video with one face.")]
ModelPath = Annotated[Path, typer.Option(help="A run or an exported model.")]
Identity = Annotated[str, typer.Option(help="Identity to draw.")]


@dataclass(frozen=True)
class Rate:
    """Things done per second."""

    count: float
    seconds: float

    @property
    def value(self) -> float:
        """Things per second."""
        return self.count / self.seconds


def timed(work: Callable[[], float]) -> Rate:
    """Times work that returns how many things it did."""
    begun = time.perf_counter()
    count = work()
    return Rate(count, time.perf_counter() - begun)


def exhaust(items: Iterable[object]) -> int:
    """Takes all items and counts them."""
    return sum(1 for _ in items)


def show(name: str, rate: Rate, unit: str, reference: Rate | None = None) -> None:
    """Prints one figure, and its ratio to the reference's."""
    ratio = f"  {rate.value / reference.value:5.2f} x the reference" if reference else ""
    print(f"{name:36}{rate.value:9.1f} {unit}{ratio}", flush=True)


@app.command()
def extract(clip: Clip, frames: int = 300) -> None:
    """Extraction, against finding each frame's faces anew, one step after the other."""
    settings = ExtractSettings()
    tracker = build_tracker(settings.detector, settings.landmarker)
    source = find_sources([clip])[0]
    images = [frame.image for frame in islice(VideoReader(clip), frames)]
    show("decode alone", timed(lambda: exhaust(VideoReader(clip))), "frames/s")
    show("track alone", timed(lambda: exhaust(map(tracker.update, images))), "frames/s")

    def plain() -> int:
        some = frames // 4
        for frame in islice(VideoReader(clip), some):
            for face in tracker.still(frame.image):
                matrix = crop_matrix(face.landmarks.points, settings.crop_size, HEAD_COVERAGE)
                encode_image(warp(frame.image, matrix, settings.crop_size), ".jpg")
        return some

    def ours() -> int:
        with tempfile.TemporaryDirectory() as folder:
            return extract_source(source, Path(folder) / "faces", settings).frames

    reference = timed(plain)
    show("reference: every frame anew", reference, "frames/s")
    show("extract", timed(ours), "frames/s", reference)


@app.command()
def convert(clip: Clip, model: ModelPath, to: Identity, frames: int = 200) -> None:
    """Conversion with a faceset, against its slowest stage alone."""
    source = find_sources([clip])[0]
    swapper = Swapper(load_model(model, pick_device()), to, CompositeSettings())
    encode = EncodeSettings()
    with tempfile.TemporaryDirectory() as folder:
        extract_source(source, Path(folder) / "faces", ExtractSettings())
        faceset = Faceset.open(Path(folder) / "faces")
        by_frame = faceset.by_frame()
        some = list(islice(VideoReader(clip), frames))
        faces = [[face.landmarks for face in by_frame.get(frame.index, [])] for frame in some]

        def swap() -> int:
            for start in range(0, len(some), 8):
                end = start + 8
                swapper([f.image.copy() for f in some[start:end]], faces[start:end])
            return len(some)

        def write() -> int:
            out = Path(folder) / "alone.mp4"
            options = {"encoder": encode.encoder, "crf": encode.crf, "preset": encode.preset}
            with VideoWriter(out, probe(clip), **options) as writer:
                for frame in some:
                    writer.write(frame.image, frame.pts)
            return len(some)

        def whole() -> int:
            out = Path(folder) / "whole.mp4"
            return convert_source(source, out, swapper, faceset=faceset).frames

        stages = {
            "decode alone": timed(lambda: exhaust(VideoReader(clip))),
            "swap and composite alone": timed(swap),
            "encode alone": timed(write),
        }
        for name, rate in stages.items():
            show(name, rate, "frames/s")
        slowest = min(stages.values(), key=lambda rate: rate.value)
        show("convert (reference: slowest stage)", timed(whole), "frames/s", slowest)


@app.command()
def memory(clip: Clip, model: ModelPath, to: Identity) -> None:
    """Peak memory of extraction and conversion on a clip, and on three times the clip."""
    with tempfile.TemporaryDirectory() as folder:
        longer = Path(folder) / f"three{clip.suffix}"
        _repeat(clip, longer, 3)
        for name, work in (("extract", _extract_in), ("convert", _convert_in)):
            peaks = [_peak(work, path, model, to) for path in (clip, longer)]
            print(f"{name:36}{peaks[0]:9.0f} MiB, three times as long: {peaks[1]:.0f} MiB")


def _extract_in(clip: Path, _model: Path, _to: str, folder: Path) -> None:
    extract_source(find_sources([clip])[0], folder / "faces", ExtractSettings())


def _convert_in(clip: Path, model: Path, to: str, folder: Path) -> None:
    swapper = Swapper(load_model(model, pick_device()), to, CompositeSettings())
    convert_source(find_sources([clip])[0], folder / "out.mp4", swapper)


def _peak(work: Callable[[Path, Path, str, Path], None], clip: Path, model: Path, to: str) -> float:
    """Peak resident memory in MiB of a fresh process that does the work."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
        return pool.apply(_measure, (work, clip, model, to, Path(folder)))


def _measure(
    work: Callable[[Path, Path, str, Path], None], clip: Path, model: Path, to: str, folder: Path
) -> float:
    work(clip, model, to, folder)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _repeat(clip: Path, longer: Path, times: int) -> None:
    info = probe(clip)
    with VideoWriter(longer, info) as writer:
        offset = 0
        for _ in range(times):
            pts = 0
            for frame in VideoReader(clip):
                pts = frame.pts
                writer.write(frame.image, offset + pts)
            offset += pts + round(1 / (info.fps * info.time_base))


@app.command()
def train(
    faces: Annotated[list[Path], typer.Argument(help="Two facesets.")],
    recipe: Annotated[str, typer.Option(help="Recipe to time.")] = "v1",
    steps: int = 12,
    batch: int = 16,
) -> None:
    """Training, against a plain fp32 loop on the classic network and the machine's matmul peak."""
    overrides = [f"training.steps={steps}", f"training.batch={batch}"]
    config = load_config(TrainConfig, "faceswap", recipe, overrides)
    named = {f"person{n}": [path] for n, path in enumerate(faces)}
    reference = plain_training(PlainOriginal(), 64, 2 * batch, steps // 2)
    with tempfile.TemporaryDirectory() as folder:
        result = train_faces(config, named, Path(folder) / "run")
    show("reference: plain fp32 loop, original", reference, "faces/s")
    show(f"train {recipe}", Rate(result.faces_per_second, 1.0), "faces/s", reference)
    print(f"{'waiting for data':36}{result.waiting:9.1%}")
    network = build_model(config.model.name, list(named), config.model.options)
    cost = 3 * multiply_adds(network, batch)  # forward, and twice that backward
    for dtype in (torch.float32, torch.bfloat16):
        limit = Rate(matmul_peak(dtype) / cost, 1.0)
        print(f"{f'matmul limit in {dtype}':36}{limit.value:9.1f} faces/s")


def plain_training(network: torch.nn.Module, size: int, faces: int, steps: int) -> Rate:
    """The loop as one writes it first: fp32, planar layout, Adam; its data cost nothing."""
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


@app.command()
def classify(
    data: Annotated[Path, typer.Argument(help="Images in class folders, or idx.")],
    model: Annotated[str, typer.Option(help="Network to time.")] = "resnet20",
    batch: int = 64,
    epochs: int = 3,
) -> None:
    """Training of the classifier, against a plain fp32 loop whose data cost nothing."""
    overrides = [f"network.name={model}", f"data.batch_size={batch}", f"epochs={epochs}"]
    settings = load_config(Settings, "classifier", None, [*overrides, "augment.flip=true"])
    dataset = open_data(data, settings)
    built = build_network(model, len(dataset.classes), {})
    images, _ = load_images(dataset.splits["train"], built.input)
    reference = plain_classifier(built, images, batch)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder) / "run")
        quiet = Voice(lambda _: None, lambda *_: nullcontext(lambda *_: None))
        history = run_training(data, settings, run, quiet).history
    ours = max(result.images_per_second for result in history)
    show("reference: plain fp32 loop", reference, "images/s")
    show(f"classifier train {model}", Rate(ours, 1.0), "images/s", reference)


def plain_classifier(built: BuiltNetwork, images: LoadedImages, batch: int) -> Rate:
    """The loop as one writes it first: fp32, planar layout, AdamW, batches that lie ready."""
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


class PlainOriginal(torch.nn.Module):
    """The classic network for two identities, of torch's own layers only."""

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
        """``(B, 3, 64, 64)``, the first half of one identity, the rest of the other."""
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


if __name__ == "__main__":
    app()
