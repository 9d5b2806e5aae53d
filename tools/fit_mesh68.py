"""Fit the weights of `faceswap/geometry/mesh68.py` to photographs with 68 landmarks.

    python tools/fit_mesh68.py LANDMARKS.npz IMAGES --check
    python tools/fit_mesh68.py LANDMARKS.npz IMAGES -o faceswap/geometry/mesh68.safetensors
    python tools/fit_mesh68.py LANDMARKS.npz IMAGES -o NEW.safetensors --keep OLD.safetensors

LANDMARKS.npz holds `names` of pictures in the folder IMAGES and `pts`, `(N, 68, 2)` in their
pixels. Meshes are found as in extraction. `--check` prints errors on pictures that the weights were
not fitted on, for several penalties; the two lines of a picture that was cropped around each of its
faces (`NAME_1.jpg`, `NAME_2.jpg`) stay together. `--keep` fits the outline to the correction of a
file, so that brows, nose, eyes and mouth, and with them all crops, stay where they are.

Weights treat both sides of a face alike. Landmarks that lie to one side of the pictures' contents
cannot be met by them; the tool says by how much, and does not count it in the lines "aligned".
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from faceswap.core.console import progress_bar
from faceswap.core.files import atomic_path, sha256_file
from faceswap.core.tensor_files import save_tensors
from faceswap.geometry.landmarks68 import INNER, JAW, OUTER_EYE_CORNERS
from faceswap.geometry.mesh68 import PAIRS, head_frame, outline_shift
from faceswap.geometry.mesh_shape import FACE_POINTS
from faceswap.geometry.similarity import fit_similarity
from faceswap.media.images import read_image
from faceswap.tracking.finder import build_tracker

# Lower penalties and a longer reach fit these annotators better still. But then landmarks of videos
# jitter more, those of other annotators fit less well, and the scale of a face follows its mouth.
PENALTY = 1e-4
_REACH = 0.25  # eye distances
_LEAST_DECAY = 1e-3
_CHECKED = (1e-2, 1e-3, PENALTY, 1e-5)
_FOLDS = 10
_ROUNDS = 2  # of reweighting: distances count, not their squares, in which wrong labels prevail
_LEAST = 0.02  # distance below which a point counts no more, in eye distances
_MIRROR = np.array([-1.0, 1.0, 1.0])
# Mesh points on both sides: corners of eyes and mouth.
_SOME_PAIRS = np.array([(33, 263), (133, 362), (61, 291)])
_NEAR = 60  # px from the centre of its crop, within which a face is that of the landmarks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Faces:
    """Faces with landmarks, in units of the distance of the outer eye corners.

    Attributes:
        pictures: Name of the picture of each face.
        meshes: Meshes, `(N, 468, 3)`.
        landmarks: Annotated landmarks, `(N, 68, 2)`.
        missed: Number of faces that were not found.
    """

    pictures: NDArray[np.str_]
    meshes: Floats
    landmarks: Floats
    missed: int = 0

    def part(self, chosen: NDArray[np.bool_]) -> "Faces":
        """Some of the faces."""
        return Faces(self.pictures[chosen], self.meshes[chosen], self.landmarks[chosen])


def find_meshes(file: Path, folder: Path) -> Faces:
    """Runs the default detector and landmarker on pictures with landmarks."""
    with np.load(file, allow_pickle=False) as truth:
        names, landmarks = truth["names"], truth["pts"].astype(np.float64)
    tracker, meshes, found = build_tracker(), [], []
    with progress_bar("Pictures", len(names)) as advance:
        for number, (name, points) in enumerate(zip(names, landmarks, strict=True)):
            faces = tracker.find_faces(read_image(folder / str(name)))
            middle = (points.min(0) + points.max(0)) / 2
            away = [float(np.abs(face.landmarks.points.mean(0) - middle).max()) for face in faces]
            if faces and min(away) <= _NEAR:
                mesh = faces[int(np.argmin(away))].landmarks.mesh
                assert mesh is not None
                meshes.append(mesh[:FACE_POINTS])
                found.append(number)
            advance()
    kept = landmarks[found]
    corners = kept[:, OUTER_EYE_CORNERS]
    unit = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)[:, None, None]
    pictures = np.array([re.sub(r"_\d+$", "", Path(str(names[i])).stem) for i in found])
    return Faces(pictures, np.stack(meshes) / unit, kept / unit, len(names) - len(found))


def mirrored(faces: Faces) -> Faces:
    """The same faces seen in a mirror, with points in the usual order."""
    other = mesh_counterparts(faces.meshes)
    places = {frozenset(pair): place for place, pair in enumerate(PAIRS.tolist())}
    points = [places[frozenset(pair)] for pair in other[PAIRS].tolist()]
    return Faces(
        faces.pictures,
        faces.meshes[:, other] * _MIRROR,
        faces.landmarks[:, points] * _MIRROR[:2],
    )


def mesh_counterparts(meshes: Floats) -> NDArray[np.int64]:
    """Index of the mesh point on the other side of the face: `(N, 468, 3) -> (468,)`."""
    mean = meshes[0]
    for _ in range(5):
        mean = fit_similarity(meshes, mean).apply(meshes).mean(0)
    mirror = mean * _MIRROR
    here, there = _SOME_PAIRS.ravel(), _SOME_PAIRS[:, ::-1].ravel()
    for _ in range(5):
        mirror = fit_similarity(mirror[there], mean[here]).apply(mirror)
        there = np.linalg.norm(mean[:, None] - mirror[None], axis=2).argmin(1)
        here = np.arange(len(mean))
    assert (there[there] == here).all()
    return there


def fit_correction(faces: Faces, penalty: float) -> Floats:
    """Ridge regression of what the table leaves over on the mesh near it, `(68, 468)`.

    Weights are penalised more the farther a mesh point is from the landmark, so that no expression
    of one part of the face moves landmarks of another. Rows sum to 0.

    Args:
        faces: Faces and their mirror images.
        penalty: Weight of the squared correction per face.
    """
    correction = np.zeros((len(PAIRS), FACE_POINTS))
    for row, pair, wanted in zip(correction, PAIRS, np.swapaxes(_left(faces), 0, 1), strict=True):
        away = faces.meshes - faces.meshes[:, pair].mean(1, keepdims=True)
        decay = np.exp(-0.25 * (np.linalg.norm(away, axis=2).mean(0) / _REACH) ** 2)
        near = decay > _LEAST_DECAY
        mesh = np.swapaxes(away[:, near, :2] * decay[near, None], 1, 2)
        row[near] = decay[near] * _reweighted(mesh, wanted, penalty)
        np.subtract.at(row, pair, row.sum() / 2)  # the pair of most landmarks is one point twice
    return correction


def _reweighted(mesh: Floats, wanted: Floats, penalty: float) -> Floats:
    """Weights of mesh points, `(N, 2, P)`, that add up to displacements, `(N, 2)`."""
    ridge = penalty * len(mesh) * np.eye(mesh.shape[2])
    importance, solution = np.ones(len(mesh)), np.zeros(mesh.shape[2])
    for _ in range(_ROUNDS):
        weighted = (mesh * importance[:, None, None]).reshape(-1, mesh.shape[2])
        gram = weighted.T @ mesh.reshape(weighted.shape)
        solution = np.linalg.solve(gram + ridge, weighted.T @ wanted.ravel())
        distance = np.linalg.norm(wanted - mesh @ solution, axis=1)
        importance = 2 * _LEAST / np.maximum(distance, _LEAST)
    return np.asarray(solution, np.float64)


def _left(faces: Faces) -> Floats:
    """What the table leaves over, `(N, 68, 2)`."""
    return faces.landmarks - faces.meshes[:, PAIRS, :2].mean(2)


def fit_outline(faces: Faces, correction: Floats) -> Floats:
    """Displacements of jaw points by the direction of the head, `(17, 5, 2)`.

    Args:
        faces: Faces and their mirror images.
        correction: Their correction, `(68, 468)`.
    """
    points = corrected(faces, correction)
    axes, terms = head_frame(points)
    wanted = (faces.landmarks - points)[:, JAW] @ np.linalg.inv(axes)
    outline = np.zeros((wanted.shape[1], terms.shape[1], 2))
    for weights, left in zip(outline, np.swapaxes(wanted, 0, 1), strict=True):
        importance = np.ones(len(left))
        for _ in range(_ROUNDS):
            root = np.sqrt(importance)[:, None]
            weights[:] = np.linalg.lstsq(root * terms, root * left)[0]
            importance = 1 / np.maximum(np.linalg.norm(left - terms @ weights, axis=1), _LEAST)
    return outline


def corrected(faces: Faces, correction: Floats, outline: Floats | None = None) -> Floats:
    """Landmarks of the meshes, `(N, 68, 2)`."""
    moved = correction @ (faces.meshes - faces.meshes.mean(1, keepdims=True))[..., :2]
    points = faces.meshes[:, PAIRS, :2].mean(2) + moved
    if outline is not None:
        points[:, JAW] += outline_shift(points, outline)
    return points


def held_out_landmarks(faces: Faces, penalty: float) -> Floats:
    """Landmarks by cross-validation over pictures, `(N, 68, 2)`."""
    pictures, of_face = np.unique(faces.pictures, return_inverse=True)
    folds = np.random.default_rng(0).permutation(len(pictures)) % _FOLDS
    result = np.zeros_like(faces.landmarks)
    for fold in range(_FOLDS):
        held_out = folds[of_face] == fold
        fitted = _both_sides(faces.part(~held_out), mirrored(faces))
        correction = fit_correction(fitted, penalty)
        outline = fit_outline(fitted, correction)
        result[held_out] = corrected(faces.part(held_out), correction, outline)
    return result


def aligned(faces: Faces) -> tuple[Faces, float]:
    """The same faces with landmarks that lie to neither side of them, and how far they lay."""
    away = float(np.median(_left(faces)[:, INNER, 0]))
    return replace(faces, landmarks=faces.landmarks - [away, 0]), away


def _both_sides(faces: Faces, mirror: Faces) -> Faces:
    kept = mirror.part(np.isin(mirror.pictures, faces.pictures))
    return Faces(
        np.r_[faces.pictures, kept.pictures],
        np.r_[faces.meshes, kept.meshes],
        np.r_[faces.landmarks, kept.landmarks],
    )


def _lines(title: str, points: Floats, faces: Faces, moved: Faces) -> None:
    for name, truth in (("", faces), (", aligned", moved)):
        distances = 100 * np.linalg.norm(points - truth.landmarks, axis=2)
        inner, jaw = distances[:, INNER].mean(), distances[:, JAW].mean()
        means = f"{distances.mean():.2f} % (inner 51: {inner:.2f} %, jaw: {jaw:.2f} %)"
        print(f"{title + name:>24}: {means}")


def write(path: Path, correction: Floats, outline: Floats, origin: Mapping[str, str]) -> None:
    """Writes the weights with their origin."""
    tensors = {"correction": correction, "outline": outline}
    stored = {name: torch.from_numpy(values.astype(np.float16)) for name, values in tensors.items()}
    with atomic_path(path) as temporary:
        save_tensors(temporary, stored, origin)


def _origin(file: Path, faces: Faces, kept: Path | None) -> dict[str, str]:
    fitted = f"ridge regression, penalty {PENALTY:g}, reach {_REACH:g}"
    correction = fitted if kept is None else f"that of the file with SHA-256 {sha256_file(kept)}"
    return {
        "source": f"{len(faces.meshes)} faces of {file.name}, 300-W (Sagonas et al., 2013)",
        "source_sha256": sha256_file(file),
        "method": "tools/fit_mesh68.py",
        "correction": correction,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the arguments, prints errors, and writes the weights if a file is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("landmarks", type=Path, help="file with names and pts")
    parser.add_argument("images", type=Path, help="folder of the pictures")
    parser.add_argument("-o", "--out", type=Path, help="file to write")
    parser.add_argument("--keep", type=Path, help="file whose correction is kept")
    parser.add_argument("--check", action="store_true", help="cross-validate several penalties")
    given = parser.parse_args(arguments)
    faces = find_meshes(given.landmarks, given.images)
    moved, away = aligned(faces)
    print(f"{len(faces.meshes)} faces, {faces.missed} not found")
    print(f"landmarks lie {100 * away:+.2f} % of the eye distance to the right of the faces")
    _lines("table", corrected(faces, np.zeros((len(PAIRS), FACE_POINTS))), faces, moved)
    for penalty in _CHECKED if given.check else (PENALTY,):
        _lines(f"penalty {penalty:g}", held_out_landmarks(moved, penalty), faces, moved)
    if given.out is not None:
        both = _both_sides(moved, mirrored(moved))
        if given.keep is None:
            correction = fit_correction(both, PENALTY)
        else:
            correction = load_file(given.keep)["correction"].astype(np.float64)
        origin = _origin(given.landmarks, faces, given.keep)
        write(given.out, correction, fit_outline(both, correction), origin)


if __name__ == "__main__":
    main()
