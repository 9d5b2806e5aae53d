"""Builds what a training reports: its log, its evaluations on held-out faces, its previews."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceswap.core.tensorboard_log import open_scalar_log
from faceswap.core.trackers import Trackers
from faceswap.recognizers.registry import DEFAULT
from faceswap.training.loop.plan import Output
from faceswap.training.monitoring.curves import CURVES, Curves
from faceswap.training.monitoring.face_judge import open_face_judge
from faceswap.training.monitoring.live_page import LivePage
from faceswap.training.monitoring.measurement import Measurement
from faceswap.training.monitoring.preview_faces import (
    open_preview_faces,
    preview_faces,
    with_subjects,
)
from faceswap.training.monitoring.preview_writer import PreviewWriter
from faceswap.training.monitoring.previews import Previews
from faceswap.training.monitoring.report import Callbacks, Reporter
from faceswap.training.monitoring.shown_faces import ShownFaces, shown_faces
from faceswap.training.monitoring.swaps import SwapMeasurement
from faceswap.training.opened import OpenedTraining
from faceswap.training.run.state import RunState

_MEASURED_FACES, _PREVIEW_FACES = 32, 5


def build_output(
    training: OpenedTraining, state: RunState, step: int, callbacks: Callbacks | None
) -> Output:
    """Builds the outputs of this process: none but in the first one.

    Args:
        training: The training.
        state: Model and description of the model, restored.
        step: Number of finished steps.
        callbacks: Callbacks of the training; None for one that reports nothing.

    Raises:
        FaceswapError: A tracker, a network that judges faces, or a file of faces cannot be used.
    """
    if callbacks is None or not training.accelerator.is_main_process:
        return Output(None)
    return Output(_build_reporter(training, state, step), callbacks.on_step)


def _build_reporter(training: OpenedTraining, state: RunState, step: int) -> Reporter:
    run, settings = training.run, training.config.output
    name, page = run.path.resolve().name, None
    if settings.live_page:
        identities = list(training.data.batches.sources)
        page = LivePage(run.previews, name, identities, step, run.logs / CURVES)
    # Faces that cannot be read end the start before a log is opened.
    measurement, previews = _build_measurement(training, state), _build_previews(training, state)
    return Reporter(
        # Later entries of earlier starts are dropped.
        open_scalar_log(run.logs, purge_step=step + 1),
        measurement,
        previews,
        Trackers(
            settings.trackers,
            run.logs / "trackers.json",
            settings.tracker_project,
            name,
            training.config.model_dump(mode="json"),
        ),
        Curves(run.logs, name, step),
        page=page,
        logs_images=settings.log_images,
    )


def _build_measurement(training: OpenedTraining, state: RunState) -> Measurement:
    measured = {
        name: _read_faces(training, state, name, indices, _MEASURED_FACES)
        for name, indices in _held_out(training).items()
    }
    swaps = SwapMeasurement(
        measured,
        partial(open_face_judge, state.meta.coverage),
        counts_identity=DEFAULT not in state.meta.loss_recognizers,
    )
    return Measurement(
        state.choice, measured, swaps, training.accelerator.device, _computes_in_bf16(training)
    )


def _build_previews(training: OpenedTraining, state: RunState) -> Previews:
    config, data = training.config, training.data
    own = open_preview_faces(
        config.output.preview_faces,
        list(data.batches.sources),
        config.data.mask,
        guided=data.guide_data is not None,
    )
    # Without held-out faces, previews show training faces.
    indices = {**data.batches.training, **_held_out(training)}
    shown = {
        name: preview_faces(own[name], _PREVIEW_FACES, _size(state), config.data.coverage)
        if name in own
        else _read_faces(training, state, name, indices[name], _PREVIEW_FACES)
        for name in indices
    }
    return Previews(
        PreviewWriter(training.run.previews, with_subjects(state.meta, own)),
        state.choice,
        shown,
        training.accelerator.device,
        _computes_in_bf16(training),
        timelapse=config.output.timelapse,
    )


def _held_out(training: OpenedTraining) -> dict[str, NDArray[np.int64]]:
    """Indices of the held-out faces of the identities that have some."""
    return {name: indices for name, indices in training.data.held_out.items() if len(indices)}


def _read_faces(
    training: OpenedTraining, state: RunState, name: str, indices: NDArray[np.int64], at_most: int
) -> ShownFaces:
    data = training.data
    source = data.batches.sources[name]
    return shown_faces(source, indices, at_most, _size(state), name, data.guide_data)


def _size(state: RunState) -> int:
    """Side of the faces that the model takes or gives, whichever is larger, in pixels."""
    model = state.choice.model
    return max(model.input_size, model.full_size)


def _computes_in_bf16(training: OpenedTraining) -> bool:
    return training.accelerator.mixed_precision == "bf16"
