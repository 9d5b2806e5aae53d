"""Runs to evaluate, with the faces that they were trained on and those that were held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faceswap.core.errors import FacesetError, IdentityError
from faceswap.data.sampling import split_facesets
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.pack_folder import PackPlace, is_pack
from faceswap.models.crowd import CROWD, without_crowd
from faceswap.models.model_file import LoadedModel
from faceswap.models.run_model import load_run_model
from faceswap.people.embeddings import evenly_spaced
from faceswap.training.run.run_directory import RunDirectory

Faces = list[tuple[Faceset, Face]]


@dataclass(frozen=True)
class Candidate:
    """A run to evaluate.

    Attributes:
        name: Name of the run folder.
        loaded: Trained model.
        training: Training faces of each identity, by name.
        held_out: Held-out faces of each identity, by name.
    """

    name: str
    loaded: LoadedModel
    training: dict[str, Faces]
    held_out: dict[str, Faces]


def open_runs(
    paths: Sequence[Path], device: str, faces: Mapping[str, Sequence[PackPlace]] | None = None
) -> list[Candidate]:
    """Load runs with their training and held-out faces.

    Args:
        paths: Folders of the runs.
        device: Device of the models.
        faces: Directories of facesets that were moved since the training, by identity. The runs
            record them.

    Raises:
        ModelFileError: A run has no model.
        IdentityError: No run has an identity of ``faces``.
        FacesetError: A faceset is missing, or its faces differ from those of the training.
    """
    faces = faces or {}
    candidates = [_open_run(path, device, faces) for path in paths]
    known = {name for candidate in candidates for name in candidate.held_out}
    if unknown := faces.keys() - known:
        raise IdentityError(
            f"No run has the identity {min(unknown)!r}.", f"Use one of {', '.join(sorted(known))}."
        )
    return _with_unique_names(candidates, paths)


def _open_run(path: Path, device: str, faces: Mapping[str, Sequence[PackPlace]]) -> Candidate:
    run = RunDirectory(path)
    loaded = load_run_model(path, device)
    if not run.config.is_file() or not run.manifest.is_file():
        raise FacesetError(
            f"Expected a run folder, found only a model in {path}: the held-out faces are unknown.",
            "Give the folder that `faceswap train` wrote, or evaluate a converted file.",
        )
    fraction = run.read_config().data.held_out
    recorded = run.read_manifest()["data"]
    training: dict[str, Faces] = {}
    held_out: dict[str, Faces] = {}
    given = {name: paths for name, paths in faces.items() if name in recorded}
    opened = {
        name: _same_facesets([*map(_open_faceset, places)], recorded[name], path)
        for name, places in run.find_facesets(given).items()
        if name != CROWD or not any(map(is_pack, places))
    }
    if given:
        run.record_places({name: [faceset.path for faceset in opened[name]] for name in given})
    for name in without_crowd(opened):
        sets = opened[name]
        pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
        used, reserved = split_facesets(pairs, fraction)
        training[name] = [pairs[i] for i in used]
        held_out[name] = [pairs[i] for i in reserved]
    return Candidate(path.resolve().name, loaded, training, held_out)


def _open_faceset(place: PackPlace) -> Faceset:
    if is_pack(place):
        raise FacesetError(
            f"Expected facesets of the identities of a run, found a pack: {place}.",
            "An evaluation needs all of its faces at hand: convert a clip and evaluate that.",
        )
    return Faceset.open(Path(place))


def _same_facesets(
    sets: Sequence[Faceset], recorded: Sequence[Mapping[str, Any]], run: Path
) -> list[Faceset]:
    """The facesets in the order of the training."""
    by_content = {faceset.content_hash(): faceset for faceset in sets}
    expected = [entry["sha256"] for entry in recorded]
    for sha256, faceset in by_content.items():
        if sha256 not in expected:
            raise FacesetError(
                f"The faces in {faceset.path} differ from those that {run} was trained on.",
                "Restore the faceset: the held-out split depends on it.",
            )
    missing = [entry["path"] for entry in recorded if entry["sha256"] not in by_content]
    if missing:
        raise FacesetError(
            f"Expected {len(expected)} facesets of this identity, found {len(sets)}: "
            f"{missing[0]} is missing.",
            "Repeat --faces for each faceset of the identity.",
        )
    return [by_content[sha256] for sha256 in expected]


def _with_unique_names(candidates: Sequence[Candidate], paths: Sequence[Path]) -> list[Candidate]:
    names = [candidate.name for candidate in candidates]
    if len(set(names)) == len(names):
        return list(candidates)
    return [replace(c, name=str(path)) for c, path in zip(candidates, paths, strict=True)]


def common_held_out(candidates: Sequence[Candidate], limit: int) -> dict[str, Faces]:
    """At most ``limit`` evenly spaced faces of each identity that are held out in every run.

    Raises:
        IdentityError: The runs have different identities.
        FacesetError: An identity has no such faces.
    """
    first = candidates[0]
    for other in candidates[1:]:
        if set(other.held_out) != set(first.held_out):
            raise IdentityError(
                f"Expected runs of the same identities, found {', '.join(first.held_out)} in "
                f"{first.name} and {', '.join(other.held_out)} in {other.name}.",
                "Compare runs with the same identity names.",
            )
    hashes: dict[Path, str] = {}
    shared: dict[str, Faces] = {}
    for name, faces in first.held_out.items():
        keys = [{_key(pair, hashes) for pair in other.held_out[name]} for other in candidates]
        common = [
            pair for pair in faces if all(_key(pair, hashes) in held_out for held_out in keys)
        ]
        if not common:
            raise FacesetError(
                f"No face of {name!r} is held out in all of "
                f"{', '.join(candidate.name for candidate in candidates)}.",
                "Compare runs trained on the same facesets with --set data.held_out above 0.",
            )
        shared[name] = [common[position] for position in evenly_spaced(range(len(common)), limit)]
    return shared


def _key(pair: tuple[Faceset, Face], hashes: dict[Path, str]) -> tuple[str, str]:
    faceset, face = pair
    if faceset.path not in hashes:
        hashes[faceset.path] = faceset.content_hash()
    return hashes[faceset.path], face.image
