"""Starts the model of a new run from the weights of earlier ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from faceswap.core.checkpoint import checkpoint_steps
from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.core.log import get_logger
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.encoders import load_published
from faceswap.models.model_file import load_model, read_model_metadata
from faceswap.models.reuse import describe_origin, option_differences, parse_origin, take_parts
from faceswap.training.run.run_directory import RunDirectory

_log = get_logger(__name__)


def start_model(
    model: FaceAutoencoder, start_from: Sequence[str], run: RunDirectory, coverage: float
) -> list[dict[str, Any]]:
    """Gives the model of a new run the weights of earlier ones, in the order of their names.

    A run that has checkpoints resumes from these.

    Args:
        model: The model with random weights, changed in place.
        start_from: Runs or models with their parts, as ``models.reuse.parse_origin`` reads them.
        run: The run.
        coverage: Side of the training crops in face squares.

    Returns:
        Records of the earlier models, also those of a resumed run.

    Raises:
        ConfigError: There is no such part, or a resumed run was started from other models.
        ModelFileError: A model is missing or damaged, or a part differs in what it computes.
        WeightsUnavailable: The published weights of a pretrained encoder are not available.
    """
    if checkpoint_steps(run.checkpoints):
        _check_same(start_from, run)
        return run.read_manifest().get("origins", [])
    records, taken = [], set()
    for text in start_from:
        origin = parse_origin(text)
        source = load_model(origin.path)
        parts = take_parts(model, source, origin.parts)
        taken |= set(parts)
        records.append(describe_origin(source, parts))
        pairs = [new if new == old else f"{new} from {old}" for new, old in parts.items()]
        _log.info(
            "Weights of %s (%s, step %d): %s.",
            origin.path,
            source.meta.architecture,
            source.meta.step,
            ", ".join(pairs),
        )
        if options := option_differences(model.options, source.model.options):
            _log.warning(
                "Options of this run that differ from those of %s: %s.",
                origin.path,
                ", ".join(options),
            )
        if source.coverage != coverage:
            _log.warning(
                "%s was trained on crops of %g face squares, this run has %g: the weights fit "
                "better with --set data.coverage=%g.",
                origin.path,
                source.coverage,
                coverage,
                source.coverage,
            )
    if "encoder" not in taken:
        load_published(model)
    if records and model.grows:
        _log.info("Continues at faces of %d pixels.", model.output_size)
    if records:
        new = [name for name in model.parts() if name not in taken]
        _log.info("New, with random weights: %s.", ", ".join(new) or "none")
    return records


def earlier_recognizers(run: RunDirectory, origins: Sequence[Mapping[str, Any]]) -> list[str]:
    """Recognition networks of the losses of earlier starts of a run, and of models before it.

    Args:
        run: The run.
        origins: Records of the models that weights were taken from, from ``start_model``.

    """
    found = {name for origin in origins for name in origin.get("loss_recognizers", [])}
    if checkpoint_steps(run.checkpoints):
        try:
            found |= set(read_model_metadata(run.model)[1].get("loss_recognizers", []))
        except ModelFileError as error:  # it is written again by the next checkpoint
            _log.warning("Earlier losses of the run are unknown: %s", error.message)
    return sorted(found)


def _check_same(start_from: Sequence[str], run: RunDirectory) -> None:
    before = run.read_config().model.start_from
    if list(start_from) != before:
        raise ConfigError(
            f"The run {run.path} has weights of its own; it was started from "
            f"{', '.join(before) or 'random weights'}, not from "
            f"{', '.join(start_from) or 'random weights'}.",
            "Repeat the options --from of its first start, or choose another folder for --output.",
        )
