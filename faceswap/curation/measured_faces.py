"""Faces of facesets with all that a report needs to know of each."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.curation.coverage import Appearance
from faceswap.curation.facial_expression import EXPRESSION, facial_expressions
from faceswap.curation.measures import MEASURES, PIXEL_MEASURES, Values
from faceswap.curation.near_duplicates import appearance
from faceswap.curation.thumbnails import Thumbnails, read_thumbnails
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.people.embeddings import mean_embedding

_FEWEST = 20  # faces of a person

OnFaces = Callable[[int], object]


@dataclass(frozen=True)
class MeasuredFaces:
    """Faces of some facesets, in the order of the facesets and of their sources.

    Attributes:
        label: Name to call them by.
        facesets: The facesets.
        pairs: Their faces whose images have not been removed, with the facesets.
        removed: Number of faces whose images have been removed.
        filled: Number of faces that were placed where the face was lost for a few frames.
        values: Values of all measures, ``(N,)`` each, by name.
        thumbnails: Thumbnails.
    """

    label: str
    facesets: Sequence[Faceset]
    pairs: Sequence[tuple[Faceset, Face]]
    removed: int
    filled: int
    values: dict[str, Values]
    thumbnails: Thumbnails

    def __len__(self) -> int:
        """Number of faces."""
        return len(self.pairs)

    @cached_property
    def faces(self) -> list[Face]:
        """The faces alone."""
        return [face for _, face in self.pairs]

    @cached_property
    def looks(self) -> NDArray[np.float32]:
        """Vectors of ``near_duplicates.appearance``."""
        return appearance(self.faces, self.thumbnails)

    @cached_property
    def sources(self) -> NDArray[np.int64]:
        """Index in ``facesets`` of the faceset of each face, ``(N,)``."""
        index = {id(faceset): place for place, faceset in enumerate(self.facesets)}
        return np.array([index[id(faceset)] for faceset, _ in self.pairs])

    @cached_property
    def poses(self) -> NDArray[np.float32]:
        """Yaw and pitch, ``(N, 2)`` in degrees."""
        return np.stack([self.values["yaw"], self.values["pitch"]], 1)

    @cached_property
    def likeness(self) -> Values | None:
        """Cosine similarity of each face's track to its person, ``(N,)``; None without embeddings.

        A face without an embedding has the median: nothing speaks against it.

        Raises:
            FacesetError: A faceset is damaged.
        """
        found = self._embeddings()
        known = np.array([embedding is not None for embedding in found])
        if not known.any():
            return None
        persons = np.array([face.person or "" for face in self.faces])
        values = np.full(len(self), np.nan, np.float32)
        for person in np.unique(persons[known]):
            own = np.flatnonzero(known & (persons == person))
            vectors = np.array([found[place] for place in own], np.float32)
            values[own] = vectors @ mean_embedding(vectors)
        values[~known] = np.nanmedian(values)
        return values

    def _embeddings(self) -> list[NDArray[np.float32] | None]:
        by_image = {
            (id(faceset), face.image): embedding
            for faceset in self.facesets
            for face, embedding in zip(faceset.faces(), faceset.embeddings(), strict=True)
        }
        return [by_image[id(faceset), face.image] for faceset, face in self.pairs]

    @cached_property
    def has_meshes(self) -> bool:
        """Whether all facesets have meshes."""
        try:
            for faceset in self.facesets:
                faceset.meshes()
        except FacesetError:
            return False
        return True

    def appearance(self, *, meshes: bool) -> Appearance:
        """Pose, expression and light.

        Args:
            meshes: Whether expressions are measured on the meshes.

        Raises:
            FacesetError: There are no meshes.
        """
        values = self.values
        brightness = values["brightness"] - np.median(values["brightness"])
        return Appearance(
            self.poses,
            self._expressions(meshes=meshes),
            np.stack([values["light_right"], values["light_up"], brightness], 1),
        )

    def _expressions(self, *, meshes: bool) -> NDArray[np.float32]:
        """Expressions; each person's are measured against their own face at rest."""
        counts = Counter(face.person for face in self.faces)
        # Too few faces do not show how a person looks at rest: they are taken together.
        own = [face.person if counts[face.person] >= _FEWEST else None for face in self.faces]
        found = np.empty((len(self), len(EXPRESSION)), np.float32)
        for person in dict.fromkeys(own):
            places = [place for place, other in enumerate(own) if other == person]
            pairs = [self.pairs[place] for place in places]
            found[places] = facial_expressions(pairs, meshes=meshes)
        return found


def measure_faces(label: str, facesets: Sequence[Faceset], on_faces: OnFaces) -> MeasuredFaces:
    """Reads and measures faces; about 5 ms a face.

    Args:
        label: Name to call them by.
        facesets: The facesets.
        on_faces: Called with the number of faces just read.

    Raises:
        FacesetError: There are no faces.
        MediaError: A crop is damaged.
    """
    pairs = [(faceset, face) for faceset in facesets for face in faceset.trainable()]
    if not pairs:
        raise FacesetError(
            f"Expected faces in {label}, found none.",
            "Extract other footage, or restore removed images.",
        )
    every = [face for faceset in facesets for face in faceset.faces()]
    filled = sum(face.filled for face in every)
    removed = len(every) - filled - len(pairs)
    thumbnails = read_thumbnails(pairs, on_faces)
    faces = [face for _, face in pairs]
    values = {name: measure.of(faces) for name, measure in MEASURES.items()}
    values |= {name: measure.of(thumbnails) for name, measure in PIXEL_MEASURES.items()}
    return MeasuredFaces(label, facesets, pairs, removed, filled, values, thumbnails)
