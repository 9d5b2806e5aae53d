"""Benchmarks of each stage, relative to a reference measured in the same run.

python tools/benchmark.py extract CLIP --device cpu
python tools/benchmark.py detect LABELS.xml --empty PHOTO --detector yunet
python tools/benchmark.py convert CLIP --model runs/ab --to bob
python tools/benchmark.py train faces/a faces/b --recipe v1 --recipe small
python tools/benchmark.py memory CLIP --model runs/ab --to bob
python tools/benchmark.py faces faces/clip --model runs/ab --to bob
python tools/benchmark.py people 10000 --exact --approximate
python tools/benchmark.py classify DATA --model resnet20
python tools/benchmark.py scaling faces/a faces/b --recipe v3 --set model.options.size=512
python tools/benchmark.py traffic liae --set size=64
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=True)
Clip = Annotated[Path, typer.Argument(help="Video with one face.")]
ModelPath = Annotated[Path, typer.Option(help="Run or exported model.")]
Identity = Annotated[str, typer.Option(help="Target identity.")]


@app.command()
def extract(
    clip: Clip,
    frames: int = 300,
    device: Annotated[str, typer.Option(help="Device of the networks.")] = "cpu",
) -> None:
    """Throughput of extraction and its stages."""
    from benchmarks.extraction import benchmark_extraction

    from faceswap.core.device import pick_device

    benchmark_extraction(clip, frames, pick_device(device))


@app.command()
def detect(
    labels: Annotated[Path, typer.Argument(help="XML of dlib with 68 points, beside its photos.")],
    empty: Annotated[list[Path], typer.Option(help="Photo without a face; may be repeated.")],
    detector: Annotated[list[str], typer.Option(help="Detector; may be repeated.")],
) -> None:
    """Recall, false alarms and time of detectors: upright, turned, small faces, tiles."""
    from benchmarks.detection import benchmark_detection

    benchmark_detection(labels, empty, detector)


@app.command()
def convert(clip: Clip, model: ModelPath, to: Identity, frames: int = 200) -> None:
    """Throughput of conversion and its stages."""
    from benchmarks.conversion import benchmark_conversion

    benchmark_conversion(clip, model, to, frames)


@app.command()
def memory(clip: Clip, model: ModelPath, to: Identity) -> None:
    """Peak memory of extraction and conversion, also on a clip three times as long."""
    from benchmarks.memory import benchmark_memory

    benchmark_memory(clip, model, to)


@app.command()
def faces(
    faceset: Annotated[Path, typer.Argument(help="Faceset of a video with one face.")],
    model: ModelPath,
    to: Identity,
    minutes: Annotated[int, typer.Option(help="Length of the longer clip.")] = 60,
) -> None:
    """Peak memory of the faces of a conversion, for a minute and for a long clip."""
    from benchmarks.memory import benchmark_faces

    benchmark_faces(faceset, model, to, minutes)


@app.command()
def people(
    tracks: Annotated[int, typer.Argument(help="Number of tracks.")],
    each: Annotated[int, typer.Option(help="Mean number of tracks of a person.")] = 5,
    threshold: Annotated[float, typer.Option(help="Similarity of one person.")] = 0.42,
    exact: Annotated[bool, typer.Option("--exact", help="Compare all tracks.")] = False,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Compare approximate neighbours.")
    ] = False,
) -> None:
    """Time, peak memory and agreement of the grouping of synthetic tracks by person."""
    from benchmarks.people import benchmark_people

    benchmark_people(tracks, each, threshold, exact=exact, approximate=approximate)


@app.command()
def train(
    faces: Annotated[list[Path], typer.Argument(help="Two facesets.")],
    recipe: Annotated[
        list[str], typer.Option(help="Training recipe, by name or path; may be repeated.")
    ],
    steps: Annotated[int, typer.Option(help="Steps that are timed, after as many others.")] = 12,
    batch: Annotated[
        int | None, typer.Option(help="Faces of each identity. [default: that of the recipe]")
    ] = None,
) -> None:
    """Throughput of each phase of recipes, and its share of the matmul limit of the machine."""
    from benchmarks.training import benchmark_training

    benchmark_training(faces, recipe, steps, batch)


@app.command()
def classify(
    data: Annotated[Path, typer.Argument(help="Images in class folders, or IDX files.")],
    model: Annotated[str, typer.Option(help="Network.")] = "resnet20",
    batch: int = 64,
    epochs: int = 3,
) -> None:
    """Throughput of classifier training."""
    from benchmarks.classification import benchmark_classifier

    benchmark_classifier(data, model, batch, epochs)


@app.command()
def scaling(
    faces: Annotated[list[Path], typer.Argument(help="Two facesets.")],
    recipe: Annotated[str, typer.Option(help="Training recipe, by name or path.")],
    settings: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE.")] = None,
    batch: Annotated[int, typer.Option(help="Faces of a step on each GPU.")] = 16,
) -> None:
    """Scaling of a recipe to 8, 64 and 512 GPUs, computed from what is measured here."""
    from benchmarks.scaling import benchmark_scaling

    benchmark_scaling(recipe, settings or [], faces, batch)


@app.command()
def traffic(
    model: Annotated[str, typer.Argument(help="Name of a model.")],
    settings: Annotated[list[str] | None, typer.Option("--set", help="OPTION=VALUE.")] = None,
) -> None:
    """Bytes that two processes on the CPU send in a step, and 4 bytes for each parameter."""
    from benchmarks.scaling import benchmark_traffic

    benchmark_traffic(model, settings or [])


if __name__ == "__main__":
    app()
