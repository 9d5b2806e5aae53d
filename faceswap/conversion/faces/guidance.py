"""What a guided model is shown for the faces of a source: geometry and references.

The geometry is the source's pose and expression on the neutral mesh of the target, within the
outline of the source's face, whose head stays. The references are those of the target that show
them best; in a video they form a path through the whole track, so that they seldom change.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.faces.stored_faces import StoredFaces
from faceswap.core.errors import ModelFileError
from faceswap.geometry.alignment import normalised_matrix, transform_points
from faceswap.geometry.mesh_shape import RIGID, fit_shape, neutral_mesh, upright
from faceswap.geometry.outline import outline_weights, within_outline
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.guides import SLOTS, Guides
from faceswap.models.reference_choice import describe_halves, plan_references

Neutral = NDArray[np.float64]
Meshes = NDArray[np.floating]
Plan = tuple[NDArray[np.int64], NDArray[np.float32]]

FEWEST_FACES = 25
"""Fewest faces of a person that show the neutral mesh."""

_SAMPLED = 2000  # faces of a long track from which it is computed
_PIECE = 20_000  # faces that are planned at once
_BLOCK = 500  # meshes that are described at once
_COMPARED = 16  # neutral meshes of which it is measured how well they explain a short track


class Guidance:
    """Finds the guides of faces for one target identity.

    Args:
        model: Guided model.
        to: Target identity.
        coverage: Side of the model's crops in face squares.

    Raises:
        IdentityError: The model was not trained on ``to``.
        ModelFileError: The model has no references of ``to``.
    """

    def __init__(self, model: GuidedAutoencoder, to: str, coverage: float) -> None:
        bank = model.references_of(to)
        if not len(bank):
            raise ModelFileError(
                f"The model has no reference crops of {to!r}.", "Train the model again."
            )
        self._coverage = coverage
        self._bank = describe_halves(bank.expression.cpu().numpy(), bank.rotation.cpu().numpy())
        self._neutrals = {
            name: model.references_of(name).neutral.cpu().double().numpy()
            for name in model.identities
            if len(model.references_of(name))
        }
        self._target = self._neutrals[to]
        self._outline = outline_weights(self._target)

    def neutral_of(self, meshes: Meshes, others: Sequence[Neutral] = ()) -> Neutral:
        """Neutral mesh of a person: their own, or the known one which explains them best.

        Args:
            meshes: Meshes of the person, ``(N, 478, 3)``; fewer than ``FEWEST_FACES`` do not show
                their neutral mesh.
            others: Neutral meshes of people who may be the same person, beside the identities of
                the model.
        """
        if len(meshes) >= FEWEST_FACES:
            return neutral_mesh(meshes)
        candidates = [*_most_alike(meshes, others), *self._neutrals.values()]
        unexplained = [
            np.linalg.norm(fit_shape(meshes, neutral).expression, axis=-1).mean()
            for neutral in candidates
        ]
        return candidates[int(np.argmin(unexplained))]

    def neutral_of_faces(self, faces: Sequence[SourceFace]) -> Neutral:
        """``neutral_of`` the meshes of faces of one person."""
        return self.neutral_of(np.stack([face.dense_mesh() for face in faces]))

    def neutral_of_identity(self, name: str) -> Neutral:
        """Neutral mesh of an identity of the model."""
        return self._neutrals[name]

    def plan(self, blocks: Iterable[Meshes], neutral: Neutral, piece: int = _PIECE) -> Plan:
        """References of the faces of a track and their weights, as in ``Guides``.

        Args:
            blocks: Meshes of the track in order, ``(N, 478, 3)`` each.
            neutral: Neutral mesh of the person.
            piece: Number of faces that are planned at once, which bounds the memory.
        """
        described = (self._describe(block, neutral) for block in blocks)
        return plan_references(_pieces(described, piece), self._bank)

    def _describe(self, meshes: Meshes, neutral: Neutral) -> list[NDArray[np.float32]]:
        """Descriptors of both halves of faces, as the target shows them."""
        shape = fit_shape(meshes, neutral).shown_by(self._target)
        return describe_halves(shape.expression, shape.pose.rotation)

    def guide(self, faces: Sequence[SourceFace], neutral: Neutral, plan: Plan) -> list[SourceFace]:
        """The faces of one person with their guides.

        Args:
            faces: Faces, at least one.
            neutral: Neutral mesh of the person.
            plan: References of each face and their weights.
        """
        shape = fit_shape(np.stack([face.dense_mesh() for face in faces]), neutral)
        shown = shape.shown_by(self._target).meshes()
        matrices = [normalised_matrix(face.landmarks, self._coverage) for face in faces]
        guided = []
        for face, matrix, mesh, *planned in zip(faces, matrices, shown, *plan, strict=True):
            fitted = within_outline(mesh, face.dense_mesh(), self._outline)
            points = transform_points(matrix, fitted[:, :2]).astype(np.float32)
            guides = Guides(*(torch.from_numpy(value) for value in (points, *planned)))
            guided.append(replace(face, guides=guides))
        return guided

    def guide_track(self, faces: Sequence[SourceFace], neutral: Neutral) -> list[SourceFace]:
        """Consecutive faces of one track, at least one, with their guides."""
        meshes = np.stack([face.dense_mesh() for face in faces])
        return self.guide(faces, neutral, self.plan([meshes], neutral))

    def guide_photo(self, faces: Sequence[SourceFace]) -> list[SourceFace]:
        """The faces of a photo, each of another person, with their guides."""
        guided = []
        for face in faces:
            guided += self.guide_track([face], self.neutral_of_faces([face]))
        return guided


class ClipGuidance:
    """Guides of all faces of a clip: the references are planned here, the geometry when asked for.

    They depend on the whole clip, and not on which part of it is converted.

    Args:
        store: The faces, each with its target identity.
        guidance: Callback that gives the guidance of a target identity.
    """

    def __init__(self, store: StoredFaces, guidance: Callable[[str], Guidance]) -> None:
        self._store, self._guidance = store, guidance
        self._references = np.zeros((len(store), SLOTS), np.int64)
        self._weights = np.zeros((len(store), SLOTS), np.float32)
        tracks = store.tracks()
        to = {track: guidance(store.face(int(rows[0])).to) for track, rows in tracks.items()}
        # A person who was lost and found again may be that of a longer track.
        known = {
            track: to[track].neutral_of(self._sampled(rows))
            for track, rows in tracks.items()
            if len(rows) >= FEWEST_FACES
        }
        others = list(known.values())
        self._neutrals = known | {
            track: to[track].neutral_of(store.meshes(rows), others)
            for track, rows in tracks.items()
            if track not in known
        }
        for track, rows in tracks.items():
            blocks = (store.meshes(rows[i : i + _BLOCK]) for i in range(0, len(rows), _BLOCK))
            plan = to[track].plan(blocks, self._neutrals[track])
            self._references[rows], self._weights[rows] = plan

    def _sampled(self, rows: NDArray[np.int64]) -> Meshes:
        """Meshes of some faces of a track, evenly spaced."""
        chosen = np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLED)).round().astype(int)
        return self._store.meshes(rows[chosen])

    def faces(self, frame: int) -> list[SourceFace]:
        """Faces of a frame with their guides."""
        guided = []
        for row in self._store.rows_of(frame):
            face, only = self._store.face(row), slice(row, row + 1)
            plan = self._references[only], self._weights[only]
            guided += self._guidance(face.to).guide([face], self._neutrals[face.track], plan)
        return guided


def _most_alike(meshes: Meshes, neutrals: Sequence[Neutral]) -> list[Neutral]:
    """Those neutral meshes that resemble a person most in the points that no expression moves."""
    if len(neutrals) <= _COMPARED:
        return list(neutrals)
    person = upright(meshes)[:, RIGID].mean(0)
    apart = np.linalg.norm(np.stack(neutrals)[:, RIGID] - person, axis=-1).mean(-1)
    return [neutrals[place] for place in np.argsort(apart, kind="stable")[:_COMPARED]]


def _pieces(
    blocks: Iterable[Sequence[NDArray[np.float32]]], size: int
) -> Iterator[list[NDArray[np.float32]]]:
    """Joins blocks of descriptors until they have at least ``size`` faces."""
    waiting: list[Sequence[NDArray[np.float32]]] = []
    for block in blocks:
        waiting.append(block)
        if sum(len(halves[0]) for halves in waiting) >= size:
            yield [np.concatenate(half) for half in zip(*waiting, strict=True)]
            waiting.clear()
    if waiting:
        yield [np.concatenate(half) for half in zip(*waiting, strict=True)]
