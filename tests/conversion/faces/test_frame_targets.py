"""Target identities of faces that come frame by frame."""

import cv2
import numpy as np
import pytest

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.frame_targets import assign_tracks
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.faces.targets import Rule, Targets
from faceswap.core.errors import NoFacesError
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.sources import find_sources
from faceswap.people.references import Reference
from faceswap.recognizers.mobilefacenet import normalised
from tests.footage import write_clip
from tests.people.colours import BLUE, GREEN, RED, Colours, face_row, write_tracks

EVERY, FRAMES, CHANGE = 3, 150, 51
SPLIT = [RED] * CHANGE + [BLUE] * (FRAMES - CHANGE)


def drawn(index: int) -> np.ndarray:
    """Two faces, as discs in the colours of the people; the upper one changes."""
    image = np.full((340, 256, 3), 127, np.uint8)
    for place, colour in enumerate((SPLIT[index], GREEN)):
        x, y = face_row(index, place, place)["landmarks"].mean(0).round().astype(int).tolist()
        cv2.circle(image, (x, y), 40, colour, -1)
    return image


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """A video of three people on two tracks, and its faceset of every third frame."""
    folder = tmp_path_factory.mktemp("split")
    (source,) = find_sources([write_clip(folder / "clip.mp4", FRAMES, drawn, sound=False)])
    path = write_tracks(folder / "faces", [SPLIT, [GREEN] * FRAMES], every=EVERY)
    return source, Faceset.open(path)


def assigned(split, **to: str) -> dict[str, list[int]]:
    """Frames in which each identity is shown; people are named by their colours."""
    source, faceset = split
    colours = {"red": RED, "blue": BLUE, "green": GREEN}
    rules = []
    for name, identity in to.items():
        embedding = normalised(np.subtract(colours[name], np.mean(colours[name])))
        rules.append(Rule(name, identity, reference=Reference(name, embedding, name)))
    found = (
        (
            Frame(i, i, i / 25, np.zeros((4, 4, 3), np.uint8)),
            [SourceFace(face_row(i, track, track)["landmarks"], track=track) for track in (0, 1)],
        )
        for i in range(FRAMES)
    )
    targets = Targets(tuple(rules), recognizer=Colours())
    shown: dict[str, list[int]] = {}
    tracks: dict[int, set[str]] = {}
    for frame, faces in assign_tracks(found, Assignment(targets, "clip"), faceset, source):
        for face in faces:
            shown.setdefault(face.to, []).append(frame.index)
            tracks.setdefault(face.track, set()).add(face.to)
    assert all(len(identities) == 1 for identities in tracks.values())
    return shown


# The last face of the first person is in frame 48, and the first one of the second in frame 51.
BEFORE, AFTER = [*range(50)], [*range(50, FRAMES)]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ({"red": "bob"}, {"bob": BEFORE}),
        ({"blue": "bob"}, {"bob": AFTER}),
        ({"red": "bob", "blue": "carol"}, {"bob": BEFORE, "carol": AFTER}),
        ({"green": "bob"}, {"bob": [*range(FRAMES)]}),
    ],
)
def test_each_person_on_a_split_track_has_their_own_identity(split, to, expected):
    assert assigned(split, **to) == expected


def test_nobody_who_is_named_is_an_error_before_the_first_frame(split):
    source, faceset = split
    unknown = Targets((Rule("track:7", "bob", track=7),))
    with pytest.raises(NoFacesError, match="There is no track 7 in clip: found 0, 1"):
        assign_tracks([], Assignment(unknown, "clip"), faceset, source)
