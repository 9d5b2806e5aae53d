"""The faces of contact sheets are those that the whole list of faces of a person would give."""

from itertools import pairwise

import numpy as np
import pytest

from faceswap.core.seeding import generator
from faceswap.facesets.faceset import Faceset
from faceswap.people.clustering import People
from faceswap.people.face_table import quality
from faceswap.people.sheet_faces import SheetFaces
from faceswap.people.sketch import TrackSketch
from faceswap.people.stored_tracks import StoredTracks
from tests.people.stored import replace_columns, write_stored

VECTOR = np.array([1, 0], np.float32)


@pytest.fixture
def facesets(tmp_path):
    """Three facesets of tracks that alternate; some crops were deleted, some faces are filled."""
    random = generator(0, "sheets")
    paths = []
    for number, count in enumerate((90, 41, 25)):
        tracks = random.integers(0, 5, count)
        faces = [(int(track), None, VECTOR if track < 4 else None) for track in tracks]
        path = write_stored(
            tmp_path / f"f{number}", faces, "images" if number == 2 else "video", 16
        )
        replace_columns(
            path,
            group=16,
            yaw=random.choice([0.0, 20.0, 40.0], count),
            sharpness=random.choice([3.0, 9.0], count),
            filled=random.random(count) < 0.1,
        )
        for image in sorted((path / "images").iterdir()):
            if random.random() < 0.15:
                image.unlink()
        paths.append(path)
    return paths


def expected_crops(facesets, people: People, person: int, most: int) -> list:
    """Best face of each span of the list of all faces of a person, track by track."""
    found = []
    for number, path in enumerate(facesets):
        faceset = Faceset.open(path)
        kept = {face.image for face in faceset.trainable()}
        tracks = [t for _, numbers in StoredTracks.open(path).groups() for t in numbers.tolist()]
        for track, name in enumerate(people.names_in(number)):
            if name == people.names[person]:
                of_track = zip(faceset.faces(), tracks, strict=True)
                found += [(path, f) for f, t in of_track if t == track and f.image in kept]
    measured = (np.array([getattr(f, n) for _, f in found]) for n in ("yaw", "pitch", "sharpness"))
    suitable = quality(*measured)
    bounds = np.linspace(0, len(found), min(most, len(found)) + 1).round().astype(int)
    best = [found[start + int(suitable[start:end].argmax())] for start, end in pairwise(bounds)]
    return [path / "images" / face.image for path, face in best]


@pytest.mark.parametrize("most", [1, 7, 32, 500])
def test_the_best_face_of_each_span(facesets, most):
    stored = [StoredTracks.open(path) for path in facesets]
    sketch = TrackSketch.of(stored)
    of = generator(1, "people").integers(0, 3, len(sketch.faces))
    people = People(sketch, ["1", "2", "3"], of, approximate=False)
    shown = SheetFaces.choose(stored, people, most)
    for person in range(3):
        crops = shown.of(person)
        assert crops == expected_crops(facesets, people, person, most)
        assert len(crops) >= min(most, 10)


def test_people_without_crops_have_none(facesets):
    for image in (facesets[1] / "images").iterdir():
        image.unlink()
    stored = [StoredTracks.open(path) for path in facesets]
    sketch = TrackSketch.of(stored)
    of = (sketch.faceset_of(np.arange(len(sketch.faces))) == 1).astype(np.int64)
    shown = SheetFaces.choose(stored, People(sketch, ["1", "2"], of, approximate=False), 32)
    assert shown.of(1) == []
    assert len(shown.of(0)) == 32
