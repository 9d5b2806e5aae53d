"""Evaluates trained runs on held-out frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import numpy as np

from faceswap.evaluation.candidates import Candidate, Faces
from faceswap.evaluation.comparison import Comparison, Kind, compare
from faceswap.evaluation.footage import clip_names, find_footage, load_samples
from faceswap.evaluation.frame_scoring import FrameScorer, Sample
from faceswap.evaluation.guided_faces import own_guides
from faceswap.evaluation.methods import NEAREST, UNSWAPPED, Method, Model, NearestCrop, Unswapped
from faceswap.evaluation.reconstruction import (
    MIN_SIDE,
    Distance,
    held_out_tensor,
    quality,
    reconstruct,
)
from faceswap.evaluation.sharpness import RealDetail
from faceswap.media.sources import Source
from faceswap.people.embeddings import Embedding, embed_faces, faceset_embedding
from faceswap.recognizers import Recognizer


@dataclass(frozen=True)
class Reconstruction:
    """Reconstruction quality of one run on the held-out faces of one identity.

    Attributes:
        run: Name of the run.
        identity: Name of the identity.
        faces: Number of faces.
        values: Metric values by name, mean over the faces.
    """

    run: str
    identity: str
    faces: int
    values: dict[str, float]


@dataclass
class RunsEvaluation:
    """Results for several runs.

    Attributes:
        comparisons: Comparison for each pair of source and target.
        reconstructions: Reconstruction quality for each run and identity.
        footage: Description of the origin of the frames, by identity.
        real_similarity: Mean similarity (-1 to 1) of the held-out faces of each identity to the
            mean of its training faces: an upper bound for swaps. Empty without a recognizer.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    reconstructions: list[Reconstruction] = field(default_factory=list)
    footage: dict[str, str] = field(default_factory=dict)
    real_similarity: dict[str, float] = field(default_factory=dict)


def evaluate_runs(
    candidates: Sequence[Candidate],
    faces: Mapping[str, Faces],
    scorer: FrameScorer,
    *,
    recognizer: Recognizer | None,
    lpips: Distance | None,
    baseline: bool,
    on_frames: Callable[[int], None] = lambda _: None,
) -> RunsEvaluation:
    """Reconstruct the held-out faces, and swap the frames of each identity to every other one.

    Args:
        candidates: Runs, evaluated on the same frames.
        faces: Faces to evaluate by identity, from ``common_held_out``.
        scorer: Scorer of single frames.
        recognizer: Recognition network, or None to skip the identity metrics.
        lpips: Distance of ``lpips.load_lpips``, or None to skip LPIPS.
        baseline: Whether to score the baselines too.
        on_frames: Callback with the number of frames finished since the last call.
    """
    references: dict[str, Embedding] = {}
    if recognizer is not None:
        # Training faces, because the held-out faces are the evaluated frames.
        trained = candidates[0].training
        references = {name: faceset_embedding(trained[name], recognizer) for name in faces}
    real_similarity = {
        name: float(
            np.mean([references[name] @ embedding for embedding in embed_faces(pairs, recognizer)])
        )
        for name, pairs in faces.items()
        if recognizer is not None
    }
    footage = _find_all_footage(faces)
    evaluation = RunsEvaluation(
        real_similarity=real_similarity,
        reconstructions=_reconstructions(candidates, faces, lpips),
        footage={name: _describe_footage(pairs, footage) for name, pairs in faces.items()},
    )
    details = {name: RealDetail(candidates[0].training[name]) for name in faces}
    for source, target in permutations(faces, 2):
        methods = _methods(candidates, source, target, faces[source], baseline)
        frames = _samples(faces[source], footage)
        comparison = compare(
            frames, methods, scorer, references, source, target, details[target], on_frames
        )
        evaluation.comparisons.append(comparison)
    return evaluation


def count_frames(faces: Mapping[str, Faces]) -> int:
    """Number of frames that ``evaluate_runs`` reports through ``on_frames``."""
    return sum(len(pairs) for pairs in faces.values()) * (len(faces) - 1)


def _methods(
    candidates: Sequence[Candidate], source: str, target: str, faces: Faces, baseline: bool
) -> dict[str, tuple[Kind, Method]]:
    methods: dict[str, tuple[Kind, Method]] = {
        candidate.name: ("run", Model(candidate.loaded, target, source, faces))
        for candidate in candidates
    }
    if baseline:
        for candidate in candidates:
            # Errors of this baseline are errors of reconstruction, not of the swap.
            guides = own_guides(candidate.loaded, faces, candidate.training[source], source)
            reconstruction = Model(candidate.loaded, source, source, faces, guides)
            methods[f"{candidate.name}, reconstructed"] = "baseline", reconstruction
        methods[UNSWAPPED] = "baseline", Unswapped()
        methods[NEAREST] = "baseline", NearestCrop(candidates[0].training[target])
    return methods


def _find_all_footage(faces: Mapping[str, Faces]) -> dict[Path, Source | None]:
    facesets = {faceset.path: faceset for pairs in faces.values() for faceset, _ in pairs}
    return {path: find_footage(faceset) for path, faceset in facesets.items()}


def _describe_footage(faces: Faces, footage: Mapping[Path, Source | None]) -> str:
    found = {faceset.path: footage[faceset.path] for faceset, _ in faces}
    return ", ".join(
        f"stored crops of {path.name} (its footage is missing or changed)"
        if source is None
        else f"frames of {source.path.name}"
        for path, source in found.items()
    )


def _samples(faces: Faces, footage: Mapping[Path, Source | None]) -> Iterator[Sample]:
    facesets = {faceset.path: faceset for faceset, _ in faces}
    clips = clip_names(faces)
    for path, faceset in facesets.items():
        own = [face for other, face in faces if other.path == path]
        yield from load_samples(faceset, own, footage[path], clips[path])


def _reconstructions(
    candidates: Sequence[Candidate], faces: Mapping[str, Faces], lpips: Distance | None
) -> list[Reconstruction]:
    sizes = [c.loaded.model.output_size for c in candidates]
    sizes += [c.loaded.model.input_size for c in candidates]
    side = max(MIN_SIDE, *sizes)
    reconstructions = []
    for candidate in candidates:
        for name, pairs in faces.items():
            real = held_out_tensor(pairs, side, candidate.loaded.coverage)
            guides = own_guides(candidate.loaded, pairs, candidate.training[name], name)
            decoded = reconstruct(candidate.loaded, real, name, guides)
            values = quality(decoded, real, lpips)
            reconstructions.append(Reconstruction(candidate.name, name, len(pairs), values))
    return reconstructions
