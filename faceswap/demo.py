"""The verb ``faceswap demo``: the whole job on two portraits that installed libraries carry."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.pipeline import describe_conversion
from faceswap.conversion.swapper import Swapper
from faceswap.convert import convert_with_progress, write_report
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import NoFacesError
from faceswap.core.files import read_json, sha256_file
from faceswap.demonstration.settings import DemoSettings, claim_folder, train_config
from faceswap.demonstration.side_by_side import Panel, picture_grid, write_side_by_side
from faceswap.demonstration.stages import Figures, Stages
from faceswap.demonstration.summary import SUMMARY, afterword, headline, summarise, write_summary
from faceswap.demonstration.swap_check import LOOKED_AT, Swap, check_swaps, faces_at_check
from faceswap.demonstration.talking_head.clip import (
    FPS,
    SITTERS,
    SOUND_RATE,
    Sitter,
    voice,
    write_clip,
)
from faceswap.demonstration.talking_head.motion import perform
from faceswap.extract import extract_with_progress
from faceswap.extraction.pipeline import ExtractSettings
from faceswap.facesets.faceset import RECORD, Faceset
from faceswap.facesets.subjects import set_subject
from faceswap.media.images import write_image
from faceswap.media.sound import write_sound
from faceswap.media.sources import Source, find_sources
from faceswap.models.model_file import LoadedModel, load_model
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.metadata import SYNTHETIC, xmp_packet
from faceswap.provenance.stamp import Seal, Stamp
from faceswap.provenance.subject import Subject
from faceswap.tracking.finder import build_tracker
from faceswap.train import train_with_progress
from faceswap.training.settings import TrainConfig

_MINUTES_CPU, _MINUTES_GPU = 7.0, 0.5
_GRID_ROWS = 6


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for everything the demo makes.")
    ] = Path("faceswap-demo"),
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help=f"Training budget. [default: {_MINUTES_CPU:g}, with a GPU {_MINUTES_GPU:g}]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides about everything random.")] = 0,
    recipe: Annotated[str, typer.Option(help="Training recipe, by name or path.")] = "small",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """The whole job on two portraits: animate, extract, train, convert both ways, compare.

    Interrupted and repeated, it goes on where it was. More --minutes train the same run further.
    """
    place = pick_device(device)
    if minutes is None:
        minutes = _MINUTES_CPU if place.type == "cpu" else _MINUTES_GPU
    settings = DemoSettings(minutes, seed, recipe, device=str(place))
    run_demo(output, settings)
    note(headline(read_json(output / SUMMARY)))
    note(afterword(output))


def run_demo(output: Path, settings: DemoSettings, overrides: Sequence[str] = ()) -> list[str]:
    """The demo without its afterword.

    Args:
        output: Folder for everything.
        settings: What it depends on.
        overrides: Further training settings, "name=value".

    Returns:
        The stages that had to be done; those that an earlier run finished are not among them.

    Raises:
        ConfigError: The folder holds a demo with other settings, or the recipe is unknown.
        ProvenanceError: Converted media cannot be signed here.
        KeyboardInterrupt: Training was told to stop; it is saved and can go on.
    """
    config = train_config(settings, overrides)
    identity = open_identity()  # before minutes of training
    claim_folder(output, settings)
    job = _Job(output, settings, config, Stages(output / "stages.json"), identity)
    figures: dict[str, Figures] = {}
    for sitter in SITTERS:
        figures[f"animate {sitter.name}"] = job.animate(sitter)
    for sitter in SITTERS:
        figures[f"extract {sitter.name}"] = job.extract(sitter)
    figures["train"] = job.train()
    model = load_model(job.run, settings.device)
    for sitter in SITTERS:
        figures[f"convert {sitter.name}"] = job.convert(sitter, model)
    figures["side by side"] = job.show(model)
    figures["check"] = job.check(model)
    write_summary(output, summarise(figures, asdict(settings), model))
    return job.stages.redone


class _Job:
    """The stages of one demo; each is skipped when its result is there."""

    def __init__(
        self,
        output: Path,
        settings: DemoSettings,
        config: TrainConfig,
        stages: Stages,
        identity: SigningIdentity,
    ) -> None:
        self.identity = identity
        self.output, self.settings, self.config, self.stages = output, settings, config, stages
        self.run = output / "runs" / "demo"
        self.clips = {s.name: output / "clips" / f"{s.name}.mp4" for s in SITTERS}
        self.faces = {s.name: output / "faces" / s.name for s in SITTERS}
        first, second = SITTERS
        self.others = {first.name: second, second.name: first}
        self.converted = {
            name: output / "converted" / f"{name}-as-{other.name}.mp4"
            for name, other in self.others.items()
        }

    def animate(self, sitter: Sitter) -> Figures:
        """Makes a clip of a portrait."""
        settings, path = self.settings, self.clips[sitter.name]

        def work() -> Figures:
            mesh = _find_mesh(sitter, settings.device)
            with progress_bar(f"animate {sitter.name}", settings.frames, "frames") as advance:
                write_clip(
                    sitter,
                    mesh,
                    path,
                    frames=settings.frames,
                    seed=self._seed(sitter),
                    size=settings.size,
                    on_frames=advance,
                )
            return {"frames": settings.frames}

        key = {"seed": self._seed(sitter), "frames": settings.frames, "size": settings.size}
        return self.stages.run(f"animate {sitter.name}", key, [path], work)

    def _seed(self, sitter: Sitter) -> int:
        # Two people do not move in step.
        return 2 * self.settings.seed + [s.name for s in SITTERS].index(sitter.name)

    def _source(self, sitter: Sitter) -> Source:
        (source,) = find_sources([self.clips[sitter.name]])
        return source

    def extract(self, sitter: Sitter) -> Figures:
        """Finds the faces of a clip."""
        directory = self.faces[sitter.name]

        def work() -> Figures:
            report = extract_with_progress(
                self._source(sitter), directory, ExtractSettings(), device=self.settings.device
            )
            set_subject(directory, Subject(sitter.title, "public-domain", sitter.source))
            return {
                "frames": report.frames,
                "frames_with_face": report.frames_with_face,
                "faces": report.faces,
            }

        key = {"clip": sha256_file(self.clips[sitter.name])}
        return self.stages.run(f"extract {sitter.name}", key, [directory / RECORD], work)

    def train(self) -> Figures:
        """Trains, or goes on with the training, until the budget is spent."""

        def work() -> Figures:
            faces = {name: [path] for name, path in self.faces.items()}
            result = train_with_progress(self.config, faces, self.run)
            if result.interrupted:
                note("Stopped and saved; the same command goes on from here.")
                raise KeyboardInterrupt
            return {
                "seconds": result.seconds,
                "steps": result.step,
                "faces_per_second": result.faces_per_second,
                "waiting": result.waiting,
                "held_out_ssim": {name: q.ssim for name, q in result.quality.items()},
            }

        key = {
            "config": self.config.model_dump(mode="json"),
            "faces": [Faceset.open(path).content_hash() for path in self.faces.values()],
        }
        return self.stages.run("train", key, [self.run / "model"], work)

    def convert(self, sitter: Sitter, model: LoadedModel) -> Figures:
        """Puts the other one's face into a clip."""
        output, to = self.converted[sitter.name], self.others[sitter.name].name

        def work() -> Figures:
            source, swapper = self._source(sitter), Swapper(model, to, CompositeSettings())
            report = convert_with_progress(
                source,
                output,
                swapper,
                faceset=Faceset.open(self.faces[sitter.name]),
                identity=self.identity,
            )
            write_report(report, source, swapper, self.identity)
            return {"frames": report.frames, "faces": report.faces_swapped}

        key = {"model": model.digest, "clip": sha256_file(self.clips[sitter.name]), "signed": 1}
        return self.stages.run(f"convert {sitter.name}", key, [output], work)

    def show(self, model: LoadedModel) -> Figures:
        """Shows originals and swaps side by side, as a video and as pictures."""
        video, grid = self.output / "side_by_side.mp4", self.output / "grid.jpg"

        def work() -> Figures:
            rows = [self._panels(sitter) for sitter in SITTERS]
            seal = self._seal(model)
            with (
                TemporaryDirectory() as folder,
                progress_bar("side by side", self.settings.frames, "frames") as advance,
            ):
                sound = Path(folder) / "voices.m4a"
                write_sound(sound, self._voices(), SOUND_RATE)
                write_side_by_side(
                    rows, video, sound=sound, metadata=SYNTHETIC, seal=seal, on_frames=advance
                )
            blocks = [
                picture_grid(row, _poses(Faceset.open(path)), side=240)
                for row, path in zip(rows, self.faces.values(), strict=True)
            ]
            picture = np.concatenate(blocks, axis=1)
            write_image(grid, picture, quality=92, xmp=xmp_packet(), seal=seal)
            return {"frames": self.settings.frames}

        key = {"model": model.digest, "signed": 1}
        return self.stages.run("side by side", key, [video, grid], work)

    def _seal(self, model: LoadedModel) -> Seal:
        """Marks what shows all clips beside one another."""
        stamp = Stamp(self.identity, describe_conversion(model, *self.clips))
        return stamp.seal(*self.clips.values(), *self.converted.values())

    def _panels(self, sitter: Sitter) -> list[Panel]:
        name = sitter.name
        swapped = f"{sitter.title} as {self.others[name].title} (synthetic)"
        return [Panel(self.clips[name], sitter.title), Panel(self.converted[name], swapped)]

    def _voices(self) -> np.ndarray:
        seeds = [self._seed(sitter) for sitter in SITTERS]
        voices = [voice(perform(self.settings.frames, s, FPS), s) for s in seeds]
        return np.mean(voices, axis=0)

    def check(self, model: LoadedModel) -> Figures:
        """Measures whom the swapped faces resemble and whether they follow the originals."""

        def work() -> Figures:
            forth, back = (
                Swap(self.clips[name], self.converted[name], Faceset.open(self.faces[name]))
                for name in self.clips
            )
            with progress_bar("check", faces_at_check(), "faces") as advance:
                *checks, told_apart = check_swaps(forth, back, self.settings.device, advance)
            names = [f"{name} as {other.name}" for name, other in self.others.items()]
            return {
                "faces_checked": LOOKED_AT,
                "real_told_apart": told_apart,
                "checks": {name: asdict(check) for name, check in zip(names, checks, strict=True)},
            }

        return self.stages.run("check", {"model": model.digest}, [], work)


def _find_mesh(sitter: Sitter, device: str) -> NDArray[np.float32]:
    faces = build_tracker(device=device).still(sitter.load())
    if not faces:
        raise NoFacesError(
            f"No face was found in the portrait of {sitter.title}.",
            "Run `faceswap doctor`: the detector or its weights may be broken.",
        )
    return faces[0].landmarks.dense_mesh()


def _poses(faceset: Faceset) -> list[int]:
    """Frames that show the head from one side to the other."""
    turned = sorted(faceset.faces(), key=lambda face: face.yaw)
    places = np.linspace(0.02, 0.98, _GRID_ROWS) * (len(turned) - 1)
    return [turned[int(place)].frame for place in places]
