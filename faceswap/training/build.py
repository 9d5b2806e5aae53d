"""Builds a training from its settings and its facesets, and runs it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from faceswap.core.errors import ConfigError
from faceswap.core.log import get_logger
from faceswap.core.peers import Peers, join_processes
from faceswap.core.processes import hold_run, open_accelerator
from faceswap.core.run_manifest import Start
from faceswap.core.seeding import seed_everything
from faceswap.core.trackers import check_trackers
from faceswap.facesets.pack_folder import PackPlace
from faceswap.models import build_model, check_options
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.model_file import ModelMeta
from faceswap.models.reuse import check_frozen, earlier_subjects
from faceswap.training.agreement import compare_contents, compare_starts
from faceswap.training.assembly import assemble_trainer
from faceswap.training.fit.exhausted_memory import explaining_exhausted_memory
from faceswap.training.from_settings import build_phases, divides
from faceswap.training.inputs.opening import FaceSets, open_facesets
from faceswap.training.inputs.prepare import check_guided, check_streamed, prepare_data
from faceswap.training.loop.plan import TrainResult
from faceswap.training.loop.trainer import Trainer
from faceswap.training.monitoring.preview_faces import open_preview_faces
from faceswap.training.monitoring.report import NO_CALLBACKS, Callbacks
from faceswap.training.opened import OpenedTraining
from faceswap.training.optimizers.by_name import check_rate
from faceswap.training.run.earlier_models import earlier_recognizers, start_model
from faceswap.training.run.run_directory import RunDirectory, describe_facesets
from faceswap.training.settings import TrainConfig
from faceswap.training.settings.effects import ModelKind, without_effect

_log = get_logger(__name__)
_SAME_PRECISION = "Choose one that all machines have: --set training.precision=fp32"


def run_training(
    config: TrainConfig,
    faces: Mapping[str, Sequence[PackPlace]],
    output: Path,
    command: Sequence[str] = (),
    callbacks: Callbacks = NO_CALLBACKS,
    *,
    allow_changes: bool = False,
) -> TrainResult:
    """Trains a model, or resumes the training in ``output``.

    Args:
        config: Settings of the training.
        faces: Facesets or packs of each identity, in the order of the model: directories, and URLs
            of packs.
        output: Folder of the run.
        command: Command line, for the record.
        callbacks: Callbacks of the training.
        allow_changes: Whether to resume although seed, model or data changed.

    Raises:
        FaceswapError: Settings, facesets or the run cannot be used.
    """
    reached = "while the training is opened"
    opening = open_training(config, faces, output, command, callbacks, allow_changes=allow_changes)
    # Outside: what was opened is released before other settings are tried.
    with explaining_exhausted_memory(config, list(faces), lambda: reached), opening as (_, trainer):
        try:
            return trainer.train()
        finally:
            reached = trainer.progress.describe()


@contextmanager
def open_training(
    config: TrainConfig,
    faces: Mapping[str, Sequence[PackPlace]],
    output: Path,
    command: Sequence[str] = (),
    callbacks: Callbacks = NO_CALLBACKS,
    *,
    allow_changes: bool = False,
    writes: bool = True,
) -> Iterator[tuple[Accelerator, Trainer]]:
    """Holds a run, with everything that its next step needs.

    Args:
        config: Settings of the training.
        faces: Facesets or packs of each identity, in the order of the model: directories, and URLs
            of packs.
        output: Folder of the run.
        command: Command line, for the record.
        callbacks: Callbacks of the training.
        allow_changes: Whether to resume although seed, model or data changed.
        writes: Whether to write the run. Otherwise only the cache of faces is written, and the
            trainer reports nothing.

    Raises:
        FaceswapError: Settings, facesets or the run cannot be used.
    """
    run = RunDirectory(output)
    # Many of these steps are collective: their order is the same in all processes, see ``Peers``.
    with ExitStack() as stack:
        peers = stack.enter_context(join_processes())
        facesets = _open_same_facesets(config, faces, run, peers, writes=writes)
        opened = stack.enter_context(_open_same_precision(config, peers))
        stack.enter_context(hold_run(opened, output, "the training"))
        with peers.together():
            divides(config, opened)  # refuses other settings before any work
        seed_everything(config.seed)
        model, origins = _start_model(config, facesets, run, peers)
        phases = build_phases(config, opened)
        plans = [phase.batches for phase in phases]
        data = prepare_data(config, facesets, run.cache, opened, model, plans, callbacks.on_faces)
        described = describe_facesets(facesets, data.contents)
        compare_contents(peers, described)

        def record(*, write: bool) -> Start:
            return run.start(
                config,
                described,
                command,
                edited=run.edited_faces(described, data.edited),
                origins=origins,
                allow_changes=allow_changes,
                write=write,
            )

        start = _compare_with_last(record, peers)
        meta = peers.first(partial(_describe_model, config, facesets, model, run, origins))
        training = OpenedTraining(config, opened, run, phases, data, meta)
        trainer = assemble_trainer(training, model, callbacks if writes else None)
        if start.outdates(trainer.progress.step):
            trainer.progress.forget_best()
        if writes and opened.is_main_process:
            record(write=True)
        _log_opened(config, opened, model)
        del model  # nothing but the trainer, which lets go of it, keeps its process group
        yield opened, trainer


def _open_same_facesets(
    config: TrainConfig,
    faces: Mapping[str, Sequence[PackPlace]],
    run: RunDirectory,
    peers: Peers,
    *,
    writes: bool,
) -> dict[str, FaceSets]:
    """The facesets of a command that is the same in all processes and can be trained."""
    peers.first(run.exists)  # refuses a folder of something else before any work
    with peers.together():
        check_options(config.model.name, config.model.options)
        facesets = open_facesets(faces, config.data.minimum, config.data.mask)
    peers.first(lambda: check_trackers(config.output.trackers))
    purpose = "a training" if writes else "steps that are not saved"
    compare_starts(peers, config.model_dump(mode="json"), facesets, run, purpose)
    return facesets


@contextmanager
def _open_same_precision(config: TrainConfig, peers: Peers) -> Iterator[Accelerator]:
    """Opens Accelerate in a precision that is the same in all processes."""
    with ExitStack() as stack:
        with peers.together():  # one machine may lack the device
            # No network here has statistics that the processes would have to agree on.
            place = config.training.device, config.training.precision
            opened = stack.enter_context(open_accelerator(*place, share_buffers=False))
        peers.require_same({"precision": opened.mixed_precision}, _SAME_PRECISION)
        yield opened


def _compare_with_last(record: Callable[..., Start], peers: Peers) -> Start:
    """Logs what changed since the last start; the first process reads it."""
    start = peers.first(partial(record, write=False))
    for change in start.changes:
        _log.info("Changed since the last start: %s.", change)
    return start


def _log_opened(config: TrainConfig, opened: Accelerator, model: FaceAutoencoder) -> None:
    _log.info(
        "%s, %.2f million parameters, on %s in %s, %d process(es).",
        config.model.name,
        sum(p.numel() for p in model.parameters()) / 1e6,
        opened.device,
        "fp32" if opened.mixed_precision == "no" else opened.mixed_precision,
        opened.num_processes,
    )


def _start_model(
    config: TrainConfig, facesets: Mapping[str, FaceSets], run: RunDirectory, peers: Peers
) -> tuple[FaceAutoencoder, list[dict[str, Any]]]:
    """The model with the weights that it starts from, the same in all processes.

    Returns:
        The model, and records of earlier models that weights were taken from.
    """
    with peers.together():  # weights and meshes are files of each machine
        model = build_model(config.model.name, list(facesets), config.model.options)
        _check_phases(config, model, facesets)
    peers.first(partial(_check_preview_faces, config, model))
    for line in without_effect(config.in_phases(), _kind(config, model)):
        _log.warning(line)
    origins = peers.first(
        partial(start_model, model, config.model.start_from, run, config.data.coverage)
    )
    peers.send_tensors(model.state_dict())
    if model.grows:
        model.load_state_dict(model.state_dict())  # its size follows from them
    return model, origins


def _describe_model(
    config: TrainConfig,
    facesets: Mapping[str, FaceSets],
    model: FaceAutoencoder,
    run: RunDirectory,
    origins: Sequence[Mapping[str, Any]],
) -> ModelMeta:
    subjects = {name: [faceset.subject for faceset in sets] for name, sets in facesets.items()}
    return ModelMeta(
        config.model.name,
        check_options(config.model.name, config.model.options),
        model.identities,
        config.data.coverage,
        0,
        earlier_subjects(subjects, origins),
        config.seed,
        origins=[dict(origin) for origin in origins],
        loss_recognizers=earlier_recognizers(run, origins),
    )


def _kind(config: TrainConfig, model: FaceAutoencoder) -> ModelKind:
    options = check_options(config.model.name, config.model.options)
    masks = options.get("mask", True)  # families without the option always predict them
    return ModelKind(isinstance(model, GuidedAutoencoder), masks)


def _check_preview_faces(config: TrainConfig, model: FaceAutoencoder) -> None:
    """Refuses faces that previews cannot show, before any work."""
    guided = isinstance(model, GuidedAutoencoder)
    places = config.output.preview_faces
    open_preview_faces(places, model.identities, config.data.mask, guided=guided)


def _check_phases(
    config: TrainConfig, model: FaceAutoencoder, facesets: Mapping[str, FaceSets]
) -> None:
    """Refuses settings that the model cannot be trained with, before any work."""
    names = [f"In the phase {phase.name!r}: " for phase in config.phases] or [""]
    for name, own in zip(names, config.in_phases(), strict=True):
        try:
            check_streamed(own, model, facesets)
            check_guided(own, model, facesets)
            check_frozen(own.training.freeze, model)
            check_rate(own.optimizer.name, own.optimizer.lr)
        except ConfigError as error:
            raise ConfigError(name + error.message, error.hint) from error
