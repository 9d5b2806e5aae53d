"""Functions behind ``import faceswap``: the stages of a swap for use in other programs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from faceswap.core.config import load_config
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, MediaError
from faceswap.evaluation.candidates import common_held_out, open_runs
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.frame_scoring import FrameScorer
from faceswap.evaluation.judge import describe_bias
from faceswap.evaluation.runs import RunsEvaluation
from faceswap.evaluation.runs import evaluate_runs as _evaluate_runs
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources
from faceswap.models.exporting import export_model as _export_model
from faceswap.models.model_file import LoadedModel
from faceswap.models.run_model import load_run_model
from faceswap.recognizers import build_recognizer
from faceswap.training.build import run_training
from faceswap.training.loop.plan import TrainResult
from faceswap.training.losses.lpips import load_lpips
from faceswap.training.monitoring.report import Callbacks
from faceswap.training.settings import TrainConfig

PathLike = Path | str
_EXTRACT, _SILENT = ExtractSettings(), Callbacks()


def open_faceset(path: PathLike) -> Faceset:
    """Open a faceset.

    Args:
        path: Directory of the faceset.

    Raises:
        FacesetError: The faceset is missing, unfinished, damaged or of a newer version.
    """
    return Faceset.open(Path(path))


def extract_faces(
    source: PathLike,
    output: PathLike,
    settings: ExtractSettings = _EXTRACT,
    *,
    device: str = "auto",
    overwrite: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
) -> Faceset:
    """Extract the faces of one video, photo or folder of photos; resumes an interrupted run.

    Args:
        source: Video file, photo, or folder of photos.
        output: Directory of the faceset.
        settings: Detector, landmarker, masker, crop size and image format.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        overwrite: Whether to replace an existing faceset.
        on_frames: Callback with the number of frames processed since the last call.

    Raises:
        MediaError: There is no readable source, or more than one.
        NoFacesError: No frame contains a face.
        FacesetError: The directory holds a faceset of another source or of other settings.
    """
    sources = find_sources([Path(source)], Path(output))
    if len(sources) != 1:
        names = ", ".join(str(found.path) for found in sources[:5])
        raise MediaError(
            f"Expected one source in {source}, found {len(sources)}: {names}.",
            "Extract them one by one.",
        )
    report = extract_source(
        sources[0],
        Path(output),
        settings,
        device=str(pick_device(device)),
        overwrite=overwrite,
        on_frames=on_frames,
    )
    return Faceset.open(report.path)


def load_model(path: PathLike, device: str = "auto", checkpoint: str | None = None) -> LoadedModel:
    """Load a trained model.

    Args:
        path: Directory of a run, or of the model it exported.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        checkpoint: ``best``, ``latest`` or a number of steps; None for the best checkpoint of a
            run, or the latest if none is marked as the best.

    Raises:
        ModelFileError: The model or the checkpoint is missing, damaged or of a newer version.
    """
    return load_run_model(Path(path), pick_device(device), checkpoint)


def train_model(
    faces: Mapping[str, PathLike | Sequence[PathLike]],
    output: PathLike,
    config: PathLike = "v1",
    settings: Sequence[str] = (),
    callbacks: Callbacks = _SILENT,
    *,
    allow_changes: bool = False,
) -> TrainResult:
    """Train a model, or resume the training in ``output``; the model is in ``output/model``.

    Args:
        faces: Faceset directory or directories of each identity.
        output: Directory of the run.
        config: Recipe by name, or path of a configuration file.
        settings: Changes to it as ``name=value``, such as ``training.steps=1000``.
        callbacks: Receivers of progress.
        allow_changes: Resume although seed, model, identities or faces changed.

    Raises:
        ConfigError: A setting is unknown or invalid.
        FacesetError: A faceset is missing, unfinished or too small.
        TrainingError: The directory holds something else, or the loss diverged.
    """
    named = {
        name: [Path(paths)] if isinstance(paths, Path | str) else [Path(path) for path in paths]
        for name, paths in faces.items()
    }
    resolved = load_config(TrainConfig, "faceswap", str(config), settings)
    return run_training(
        resolved, named, Path(output), callbacks=callbacks, allow_changes=allow_changes
    )


def export_model(
    path: PathLike, output: PathLike, to: str, kind: str = "onnx", checkpoint: str | None = None
) -> float:
    """Write the swap of a model to one identity as one file, and verify that it computes the same.

    Args:
        path: Run of ``faceswap train``, or a model folder.
        output: File to write; an existing one is replaced.
        to: Identity to decode as.
        kind: ``onnx``, or ``dfm`` for DeepFaceLive, facefusion and VisoMaster.
        checkpoint: ``best``, ``latest``, or a number of steps; None as for ``load_model``.

    Returns:
        Largest absolute difference from the original, at most 1e-4.

    Raises:
        ModelFileError: The model is missing, damaged or guided, or predicts no mask for DFM.
        IdentityError: The model was not trained on ``to``.
        ConfigError: There is no such format, or ONNX cannot hold the network.
    """
    return _export_model(load_run_model(Path(path), "cpu", checkpoint), to, Path(output), kind)


def evaluate_runs(
    runs: Sequence[PathLike],
    frames: int = 100,
    *,
    baseline: bool = False,
    identity: bool = True,
    lpips: bool = False,
    device: str = "auto",
    on_frames: Callable[[int], None] = lambda _: None,
) -> RunsEvaluation:
    """Evaluate the swaps of runs on held-out frames of their facesets.

    Args:
        runs: Directories of runs trained on the same facesets.
        frames: Largest number of frames per identity.
        baseline: Whether to evaluate naive methods on the same frames as well.
        identity: Whether to measure identity similarity; needs the weights of the recognizer, and
            runs that were not trained with it.
        lpips: Whether to measure LPIPS of reconstructions; needs its weights.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        on_frames: Callback with the number of frames evaluated since the last call.

    Raises:
        ConfigError: Identity is to be measured by a network that a run was trained with.
        WeightsUnavailable: Required weights are not on this machine and cannot be downloaded.
        FaceswapError: The runs are incomplete or have no held-out frames in common.
    """
    place = str(pick_device(device))
    candidates = open_runs([Path(run) for run in runs], place)
    if identity and (bias := describe_bias(candidates)):
        raise ConfigError(f"{bias}.", "Pass identity=False.")
    recognizer = build_recognizer() if identity else None
    finder = FaceFinder(_EXTRACT.detector, _EXTRACT.landmarker, place)
    return _evaluate_runs(
        candidates,
        common_held_out(candidates, frames),
        FrameScorer(finder, recognizer),
        recognizer=recognizer,
        lpips=load_lpips() if lpips else None,
        baseline=baseline,
        on_frames=on_frames,
    )
