"""Footage of several people, of whom some are swapped, each to an identity of their own."""

import cv2
import numpy as np
import pytest
import torch

from faceswap.conversion.faces.assigned_faces import AssignedFaces
from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.targets import Rule, Targets
from faceswap.conversion.pipeline import EncodeSettings, convert_source
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.documents import read_json
from faceswap.core.errors import NoFacesError
from faceswap.facesets.faceset import Faceset
from faceswap.media.encoders import VideoEncoding
from faceswap.media.images import read_image, write_image
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import VideoReader
from faceswap.people.references import Reference
from faceswap.provenance.describe import describe
from faceswap.provenance.file_provenance import read_provenance
from faceswap.recognizers.mobilefacenet import normalised
from tests.conversion.parts import make_parts, of_frame, painter
from tests.footage import moving_portrait, write_clip
from tests.people.colours import BLUE, RED, SIDE, Colours, face_row, write_tracks

FRAMES = 10
LEFT, RIGHT = Rule("left", "bob", position="left"), Rule("right", "alice", position="right")
COLOURS = {"bob": (5, 250, 5), "alice": (250, 5, 250)}
LOSSLESS = EncodeSettings(VideoEncoding(lossless=True))


@pytest.fixture(scope="module")
def swapper() -> Swapper:
    logits = {name: torch.logit(torch.tensor(rgb) / 255) for name, rgb in COLOURS.items()}
    model = painter(**{name: values.view(1, 3, 1, 1) for name, values in logits.items()})
    return Swapper(model, make_parts())


def two_people(index: int) -> np.ndarray:
    """A portrait and its mirror image, ``(256, 512, 3)``; the right one moves later."""
    return np.hstack([moving_portrait(index), moving_portrait(index + 3)[:, ::-1]])


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Source:
    path = write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", FRAMES, two_people)
    return find_sources([path])[0]


def assert_shown(image: np.ndarray, expected: list[str]) -> None:
    """Compares the colours of the left and the right face; "" for the frame's own."""
    for half, name in zip(np.split(image.astype(int), 2, axis=1), expected, strict=True):
        for other, colour in COLOURS.items():
            count = (np.abs(half - colour) < 40).all(-1).sum()
            assert (count > 1000) == (other == name), (other, count)


def test_the_face_without_a_rule_keeps_its_pixels(clip, swapper, tmp_path):
    output = tmp_path / "out.mp4"
    targets = Targets((LEFT, Rule("track:7", "alice", track=7)))
    report = convert_source(clip, output, swapper, targets=targets, encode=LOSSLESS)
    assert (report.frames, report.faces_swapped) == (FRAMES, FRAMES)
    assert "There is no track 7 in clip. Its tracks: 0, 1." in report.notes
    for before, after in zip(VideoReader(clip.path), VideoReader(output), strict=True):
        np.testing.assert_array_equal(after.image[:, 260:], before.image[:, 260:])
        assert_shown(after.image, ["bob", ""])
    # Only what is shown is declared as shown.
    said = list(describe(read_provenance(output)))
    assert ("mapping", "left to bob") in said
    assert ("mapping", "track:7 to alice") in said
    assert [text.split(":")[0] for topic, text in said if topic == "shows"] == ["bob"]
    written = read_json(tmp_path / "out.mp4.json")
    assert written["shows"] == list(report.shown) == ["bob"]
    assert written["targets"] == [
        {"faces": "left", "to": "bob"},
        {"faces": "track:7", "to": "alice"},
    ]


def test_each_face_gets_its_own_identity(clip, swapper, tmp_path):
    convert_source(clip, tmp_path / "out.mp4", swapper, targets=Targets((RIGHT, LEFT)))
    for frame in VideoReader(tmp_path / "out.mp4"):
        assert_shown(frame.image, ["bob", "alice"])


def test_nobody_to_swap_is_an_error_that_names_the_reason(clip, swapper, tmp_path):
    targets = Targets((Rule("anna", "bob", person="anna"),))
    with pytest.raises(NoFacesError, match="Nobody in clip is 'anna'"):
        convert_source(clip, tmp_path / "out.mp4", swapper, targets=targets)
    assert not (tmp_path / "out.mp4").exists()


def test_each_photo_is_decided_by_itself(swapper, tmp_path):
    first, alone = two_people(0), two_people(5)
    alone[:, 256:] = 90
    write_image(tmp_path / "in/1.png", first)
    write_image(tmp_path / "in/2.png", alone)
    (source,) = find_sources([tmp_path / "in"])
    report = convert_source(source, tmp_path / "out", swapper, targets=Targets((RIGHT,)))
    assert report.faces_swapped == 2
    pair, single = (read_image(tmp_path / f"out/{name}.png") for name in (1, 2))
    assert_shown(pair, ["", "alice"])
    np.testing.assert_array_equal(pair[:, :250], first[:, :250])
    assert_shown(single, ["alice", ""])  # the only face is also the one farthest right


def test_a_photo_declares_whom_it_shows(swapper, tmp_path):
    alone = two_people(5)
    alone[:, 256:] = 90
    for name, image in (("both", two_people(0)), ("one", alone), ("none", alone * 0)):
        write_image(tmp_path / "in" / f"{name}.png", image)
    (source,) = find_sources([tmp_path / "in"])
    convert_source(source, tmp_path / "out", swapper, targets=Targets((RIGHT, LEFT)))
    for name, expected in (("both", ["alice", "bob"]), ("one", ["alice"]), ("none", [])):
        conversion = read_provenance(tmp_path / "out" / f"{name}.png").conversion
        assert conversion is not None
        assert conversion["shows"] == expected
    # Photos that an earlier run finished count as well.
    (tmp_path / "out" / "one.png").unlink()
    (tmp_path / "out.json").unlink()
    resumed = convert_source(source, tmp_path / "out", swapper, targets=Targets((RIGHT, LEFT)))
    assert (resumed.frames_now, resumed.shown) == (1, ("alice", "bob"))


def test_an_image_of_a_sequence_declares_whom_it_shows(swapper, tmp_path):
    def picture(index: int) -> np.ndarray:
        image = two_people(index)
        if index >= 10:
            image[:, 256:] = 90
        return image

    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 20, picture, sound=False)])
    targets = Targets((LEFT, RIGHT))
    report = convert_source(source, tmp_path / "f/%02d.png", swapper, targets=targets)
    assert report.shown == ("alice", "bob")
    for file, expected in ((report.files[0], ["alice", "bob"]), (report.files[-1], ["bob"])):
        conversion = read_provenance(file).conversion
        assert conversion is not None
        assert conversion["shows"] == expected


def test_people_on_photos_are_recognised(swapper, tmp_path):
    """By the colour of their skin: the stand-in for the recognition network sees no more."""
    picture = two_people(0)
    picture[:, :256] = (picture[:, :256] * [0.3, 0.4, 1.0]).astype(np.uint8)
    write_image(tmp_path / "in/1.png", picture)
    (source,) = find_sources([tmp_path / "in"])
    rules = tuple(
        Rule(name, to, reference=Reference(name, embedding_of(colour), name))
        for name, colour, to in (("blue.jpg", BLUE, "bob"), ("red.jpg", RED, "alice"))
    )
    targets = Targets(rules, recognizer=Colours())
    convert_source(source, tmp_path / "out", swapper, targets=targets)
    assert_shown(read_image(tmp_path / "out/1.png"), ["bob", "alice"])


def embedding_of(colour: tuple[int, int, int]) -> np.ndarray:
    return normalised(np.subtract(colour, np.mean(colour)))


def test_people_who_cross_keep_their_identity(tmp_path):
    """The tracker took each of two people for the other one from frame 40 on."""
    people = [[RED] * 40 + [BLUE] * 40, [BLUE] * 40 + [RED] * 40]

    def picture(index: int) -> np.ndarray:
        image = np.full((256, 256, 3), 127, np.uint8)
        for face, colours in enumerate(people):
            x, y = face_row(index, face, face)["landmarks"].mean(0).round().astype(int).tolist()
            cv2.circle(image, (x, y), SIDE, colours[index], -1)
        return image

    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 80, picture, sound=False)])
    faceset = Faceset.open(write_tracks(tmp_path / "faces", people))
    rule = Rule("red.jpg", "bob", reference=Reference("red.jpg", embedding_of(RED), "red"))
    faces = AssignedFaces(
        faceset, source, Assignment(Targets((rule,), recognizer=Colours()), "clip")
    )
    for index in range(80):
        (face,) = of_frame(faces, index)
        x, y = face.landmarks.mean(0).round().astype(int)
        assert picture(index)[y, x].tolist() == list(RED)
        assert (face.to, face.opacity) == ("bob", 1.0)
