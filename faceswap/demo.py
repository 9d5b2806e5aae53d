"""The verb ``faceswap demo``: the complete workflow on two portraits of installed libraries."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from faceswap.conversion.output.description import describe_conversion
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.config import load_config
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.documents import read_json
from faceswap.core.files import sha256_file
from faceswap.core.hashed_file import HashedFile
from faceswap.core.held_file import Signer
from faceswap.core.locks import hold_folder
from faceswap.core.scratch import scratch_folder
from faceswap.demonstration.folder import DemoFolder, target_of
from faceswap.demonstration.settings import DemoSettings, claim_demo
from faceswap.demonstration.side_by_side import (
    Panel,
    frames_by_yaw,
    picture_grid,
    write_side_by_side,
)
from faceswap.demonstration.stages import StageMetrics, Stages
from faceswap.demonstration.summary import SUMMARY, afterword, headline, summarise, write_summary
from faceswap.demonstration.swap_check import CHECKED_FACES, Swap, check_swaps, count_check_steps
from faceswap.demonstration.talking_head.clip import (
    DEMO_IDENTITIES,
    SOUND_RATE,
    DemoIdentity,
    clip_seed,
    find_mesh,
    mixed_voices,
    write_clip,
)
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import RECORD
from faceswap.facesets.subjects import set_subject
from faceswap.media.images import write_image
from faceswap.media.sound import write_sound
from faceswap.media.sources import Source, find_sources
from faceswap.models.model_file import LoadedModel
from faceswap.models.run_model import load_run_model
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.metadata import SYNTHETIC, xmp_packet
from faceswap.provenance.signing import ManifestSigner
from faceswap.provenance.subject import Subject
from faceswap.train import train_with_progress
from faceswap.training.settings import TrainConfig
from faceswap.with_progress import convert_with_progress, extract_with_progress

_MINUTES_CPU, _MINUTES_GPU = 7.0, 0.5
_GRID_ROWS = 6


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder.")] = Path(
        "faceswap-demo"
    ),
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help=f"Training minutes. [default: {_MINUTES_CPU:g} on CPU, {_MINUTES_GPU:g} on GPU]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of clips and training.")] = 0,
    recipe: Annotated[str, typer.Option(help="Training recipe, by name or path.")] = "small",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Run the complete workflow on two portraits: animate, extract, train, convert, compare.

    If it is interrupted, run the same command again to resume. More --minutes continue the training
    of the same run.
    """
    picked = pick_device(device)
    if minutes is None:
        minutes = _MINUTES_CPU if picked.type == "cpu" else _MINUTES_GPU
    settings = DemoSettings(minutes, seed, recipe, device=str(picked))
    run_demo(output, settings)
    note(headline(read_json(output / SUMMARY, finite=False)))
    note(afterword(output))


def run_demo(output: Path, settings: DemoSettings, overrides: Sequence[str] = ()) -> list[str]:
    """Run all stages of the demo and write the summary.

    Args:
        output: Output folder.
        settings: Settings of the demo.
        overrides: Additional training settings as "name=value".

    Returns:
        Names of the executed stages; stages finished by an earlier run are skipped.

    Raises:
        ConfigError: The folder holds a demo with other settings, or the recipe is unknown.
        OutputBusyError: Another process writes the folder.
        ProvenanceError: Converted media cannot be signed.
        KeyboardInterrupt: Training was interrupted; its state is saved.
    """
    config = train_config(settings, overrides)
    identity = open_identity()  # fail before training, not after it
    with hold_folder(output, "the demo"):
        claim_demo(output, settings)
        return _run_stages(output, settings, config, identity)


def _run_stages(
    output: Path, settings: DemoSettings, config: TrainConfig, identity: SigningIdentity
) -> list[str]:
    job = _Job(DemoFolder(output), settings, config, identity)
    metrics: dict[str, StageMetrics] = {}
    for person in DEMO_IDENTITIES:
        metrics[f"animate {person.name}"] = job.animate(person)
    for person in DEMO_IDENTITIES:
        metrics[f"extract {person.name}"] = job.extract(person)
    metrics["train"] = job.train()
    model = load_run_model(job.folder.run, settings.device)
    for person in DEMO_IDENTITIES:
        metrics[f"convert {person.name}"] = job.convert(person, model)
    metrics["side by side"] = job.show(model)
    metrics["check"] = job.check(model)
    write_summary(output, summarise(metrics, asdict(settings), model))
    return job.stages.executed


def train_config(settings: DemoSettings, overrides: Sequence[str]) -> TrainConfig:
    """The training configuration: the recipe with the seed, budget and device of the demo.

    Raises:
        ConfigError: The recipe or an override is unknown or invalid.
    """
    given = [
        f"seed={settings.seed}",
        "training.steps=null",
        f"training.minutes={float(settings.minutes)}",
        f"training.device={settings.device}",
        *overrides,
    ]
    return load_config(TrainConfig, "faceswap", settings.recipe, given)


class _Job:
    """The stages of one demo; each is skipped if its results exist."""

    def __init__(
        self,
        folder: DemoFolder,
        settings: DemoSettings,
        config: TrainConfig,
        identity: SigningIdentity,
    ) -> None:
        self.folder, self.settings, self.config = folder, settings, config
        self.identity = identity
        self.stages = Stages(folder.stages)

    def animate(self, person: DemoIdentity) -> StageMetrics:
        """Render the source clip of an identity."""
        settings, path = self.settings, self.folder.clips[person.name]
        seed = clip_seed(person, settings.seed)

        def work() -> StageMetrics:
            mesh = find_mesh(person, settings.device)
            with progress_bar(f"animate {person.name}", settings.frames, "frames") as advance:
                write_clip(
                    person,
                    mesh,
                    path,
                    frames=settings.frames,
                    seed=seed,
                    size=settings.size,
                    on_frames=advance,
                )
            return {"frames": settings.frames}

        key = {"seed": seed, "frames": settings.frames, "size": settings.size}
        return self.stages.run(f"animate {person.name}", key, [path], work)

    def _source(self, person: DemoIdentity) -> Source:
        (source,) = find_sources([self.folder.clips[person.name]])
        return source

    def extract(self, person: DemoIdentity) -> StageMetrics:
        """Extract the faces of a clip."""
        directory = self.folder.faces[person.name]

        def work() -> StageMetrics:
            report = extract_with_progress(
                self._source(person), directory, ExtractSettings(), device=self.settings.device
            )
            set_subject(directory, Subject(person.title, "public-domain", person.source))
            return {
                "frames": report.frames,
                "frames_with_face": report.frames_with_face,
                "faces": report.faces,
            }

        key = {"clip": sha256_file(self.folder.clips[person.name])}
        return self.stages.run(f"extract {person.name}", key, [directory / RECORD], work)

    def train(self) -> StageMetrics:
        """Train, or resume the training, until the time budget is spent."""

        def work() -> StageMetrics:
            faces = {name: [path] for name, path in self.folder.faces.items()}
            result = train_with_progress(self.config, faces, self.folder.run)
            if result.interrupted:
                note("Training stopped and saved. Run the same command again to resume.")
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
            "faces": [Faceset.open(path).content_hash() for path in self.folder.faces.values()],
        }
        return self.stages.run("train", key, [self.folder.run / "model"], work)

    def convert(self, person: DemoIdentity, model: LoadedModel) -> StageMetrics:
        """Convert the clip of an identity to the other one."""
        output, to = self.folder.converted[person.name], target_of(person).name

        def work() -> StageMetrics:
            source, swapper = self._source(person), Swapper(model, to=to)
            faces = Faceset.open(self.folder.faces[person.name])
            outputs, encode = name_outputs(source, output), EncodeSettings()
            job = ConvertJob(source, outputs, swapper, faces, encode, self.identity)
            report = convert_with_progress(job, overwrite=True)  # made by an earlier start
            return {"frames": report.frames, "faces": report.faces_swapped}

        key = {
            "model": model.digest,
            "clip": sha256_file(self.folder.clips[person.name]),
            "signed": 1,
        }
        return self.stages.run(f"convert {person.name}", key, [output], work)

    def show(self, model: LoadedModel) -> StageMetrics:
        """Write source and converted clips side by side, as a video and as a picture."""
        video, grid = self.folder.side_by_side, self.folder.grid

        def work() -> StageMetrics:
            rows = [self._panels(person) for person in DEMO_IDENTITIES]
            sign = self._file_signer(model)
            seeds = [clip_seed(person, self.settings.seed) for person in DEMO_IDENTITIES]
            with (
                scratch_folder() as folder,
                progress_bar("side by side", self.settings.frames, "frames") as advance,
            ):
                sound = folder / "voices.m4a"
                write_sound(sound, mixed_voices(self.settings.frames, seeds), SOUND_RATE)
                write_side_by_side(
                    rows, video, sound=sound, metadata=SYNTHETIC, sign=sign, on_frames=advance
                )
            blocks = [
                picture_grid(row, frames_by_yaw(Faceset.open(path), _GRID_ROWS), side=240)
                for row, path in zip(rows, self.folder.faces.values(), strict=True)
            ]
            picture = np.concatenate(blocks, axis=1)
            write_image(grid, picture, quality=92, xmp=xmp_packet(), sign=sign)
            return {"frames": self.settings.frames}

        key = {"model": model.digest, "signed": 1}
        return self.stages.run("side by side", key, [video, grid], work)

    def _file_signer(self, model: LoadedModel) -> Signer:
        """Signing of the files that show all clips."""
        signer = ManifestSigner(self.identity, describe_conversion(model, *self.folder.clips))
        shown = (*self.folder.clips.values(), *self.folder.converted.values())
        return signer.for_sources(*map(HashedFile.of, shown))

    def _panels(self, person: DemoIdentity) -> list[Panel]:
        name = person.name
        swapped = f"{person.title} as {target_of(person).title} (synthetic)"
        clip, converted = self.folder.clips[name], self.folder.converted[name]
        return [Panel(clip, person.title), Panel(converted, swapped)]

    def check(self, model: LoadedModel) -> StageMetrics:
        """Check resemblance to the target and motion compared with the source."""

        def work() -> StageMetrics:
            forth, back = (
                Swap(clip, self.folder.converted[name], Faceset.open(self.folder.faces[name]))
                for name, clip in self.folder.clips.items()
            )
            with progress_bar("check", count_check_steps(), "faces") as advance:
                *checks, accuracy = check_swaps(forth, back, self.settings.device, advance)
            names = [f"{p.name} as {target_of(p).name}" for p in DEMO_IDENTITIES]
            return {
                "faces_checked": CHECKED_FACES,
                "classifier_accuracy": accuracy,
                "checks": {name: asdict(check) for name, check in zip(names, checks, strict=True)},
            }

        return self.stages.run("check", {"model": model.digest}, [], work)
