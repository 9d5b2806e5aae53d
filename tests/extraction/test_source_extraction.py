"""The segments of a source, extracted one by one by processes that know nothing of each other."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.errors import NoFacesError, OutputBusyError
from faceswap.extraction.identities import People
from faceswap.extraction.networks import Networks
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.segments import Segment
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.segments import segment_file
from faceswap.media.hashed_source import hash_source
from faceswap.media.images import write_image
from faceswap.media.picture_table import PictureTable
from faceswap.media.sources import Source, find_sources
from tests.extraction.short_segments import cut_short
from tests.extraction.test_identities import head
from tests.facesets.test_killed_faceset import content
from tests.footage import moving_portrait, plain_picture, undecodable, write_clip
from tests.people.colours import Colours

FRAMES, KEYS = 46, (13, 31)
LENGTH, LEAD = 10, 6
FIRSTS = (0, 19, 37)
SETTINGS = ExtractSettings()


def two_people(index: int) -> np.ndarray:
    """One person, who is joined by another one for the frames from 8 to 33."""
    image = np.full((200, 420, 3), 128, np.uint8)
    image[20:180, 20 + index // 4 : 180 + index // 4] = head("blue")
    if 8 <= index < 34:
        image[20:180, 240 - index // 4 : 400 - index // 4] = head("red")
    return image


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    return write_clip(folder / "clip.mp4", FRAMES, two_people, keys=KEYS)


@pytest.fixture(scope="module")
def source(clip) -> Source:
    return find_sources([clip])[0]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    cut_short(monkeypatch, LENGTH, LEAD)


def opened(source: Source, directory: Path, settings=SETTINGS, **options) -> SourceExtraction:
    """What each process does first."""
    hashed = hash_source(source)
    return SourceExtraction.open(
        hashed, directory, settings, networks=networks(settings), **options
    )


@cache
def networks(settings: ExtractSettings) -> Networks:
    return Networks.build(settings)


def extract_apart(
    source: Source,
    directory: Path,
    settings: ExtractSettings = SETTINGS,
    order: Callable[[list[Segment]], Iterable[Segment]] = reversed,
    **options,
) -> Faceset:
    """Extracts each segment by another process, and finishes by yet another one."""
    segments = [*opened(source, directory, settings, **options).plan.segments]
    for segment in order(segments):
        extraction = opened(source, directory, settings, **options)
        assert not extraction.is_complete(segment)
        extraction.extract([segment])
    last = opened(source, directory, settings, **options)
    assert last.missing() == []
    last.finish()
    return Faceset.open(directory)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"every": 2, "maskers": ("hull", "eyes")},
        {"first_frame": 5, "end_frame": 44, "fill_gaps": 0},
        {"first_frame": 7, "every": 3},
    ],
)
def test_segments_in_any_order_are_the_whole(source, tmp_path, settings):
    chosen = ExtractSettings(**settings)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    extract_source(source, tmp_path / "a" / "clip", chosen, people=People(Colours()))
    extract_apart(source, tmp_path / "b" / "clip", chosen, people=People(Colours()))
    assert content(tmp_path / "a" / "clip") == content(tmp_path / "b" / "clip")
    faces = Faceset.open(tmp_path / "a" / "clip").faces()
    begin, end = chosen.first_frame or 0, chosen.end_frame or FRAMES
    processed = [i for i in range(begin, end) if i % chosen.every == 0]
    assert sorted({face.frame for face in faces}) == processed


@pytest.mark.parametrize(("recognizer", "names"), [(None, {None}), (Colours(), {"1", "2"})])
def test_segments_are_stitched_to_what_one_tracker_finds(
    source, tmp_path, monkeypatch, recognizer, names
):
    people = People(recognizer)
    parts = extract_apart(source, tmp_path / "a" / "clip", people=people)
    assert len([*opened(source, tmp_path / "a" / "clip").plan.segments]) == len(FIRSTS)
    cut_short(monkeypatch, 1000, 25)
    extract_source(source, tmp_path / "b" / "clip", SETTINGS, people=people)
    whole = Faceset.open(tmp_path / "b" / "clip")
    assert {face.track for face in whole.faces()} == {0, 1}
    assert {face.person for face in whole.faces()} == names
    # Faces of a frame are in the order in which the tracker of a segment found them.
    ordered = (sorted(each.faces(), key=lambda f: (f.frame, f.track)) for each in (parts, whole))
    for ours, theirs in zip(*ordered, strict=True):
        assert (ours.frame, ours.track, ours.person) == (theirs.frame, theirs.track, theirs.person)
        assert np.abs(ours.landmarks - theirs.landmarks).max() < 2


def test_missing_segments_are_grouped_where_they_follow_each_other(source, tmp_path):
    extraction = opened(source, tmp_path / "clip")
    segments = [*extraction.plan.segments]
    assert [segment.first for segment in segments] == [*FIRSTS]
    assert extraction.missing() == [segments]
    assert extraction.stored_frames() == 0
    extraction.extract(segments[1:2])
    assert extraction.missing() == [segments[:1], segments[2:]]
    assert extraction.stored_frames() == FIRSTS[2] - FIRSTS[1]
    extraction.extract(segments[2:])
    assert extraction.stored_frames() == FRAMES - FIRSTS[1]
    counted: list[int] = []
    extraction.extract(segments[:1], counted.append)
    assert sum(counted) == FIRSTS[1]
    assert (extraction.missing(), extraction.stored_frames()) == ([], FRAMES)


def test_stored_frames_of_a_span_are_those_in_it(source, tmp_path):
    settings = ExtractSettings(first_frame=4, end_frame=40)
    extraction = opened(source, tmp_path / "clip", settings)
    extraction.extract_missing()
    assert extraction.stored_frames() == 36


def test_a_killed_run_of_photos_goes_on_after_the_last_segment(tmp_path):
    for number in range(FRAMES // 2):
        write_image(tmp_path / "photos" / f"{number:02d}.png", moving_portrait(number))
    (source,) = find_sources([tmp_path / "photos"])
    extract_source(source, tmp_path / "a" / "photos", SETTINGS)

    def kill(frames: int) -> None:
        done.append(frames)
        if sum(done) == 15:
            raise KeyboardInterrupt

    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        extract_source(source, tmp_path / "b" / "photos", SETTINGS, on_frames=kill)
    assert opened(source, tmp_path / "b" / "photos").stored_frames() == LENGTH
    # All of them are stored, and the last segment is not full.
    opened(source, tmp_path / "b" / "photos").extract_missing()
    assert opened(source, tmp_path / "b" / "photos").stored_frames() == FRAMES // 2
    report = extract_source(source, tmp_path / "b" / "photos", SETTINGS)
    assert report.frames_now == 0
    assert content(tmp_path / "a" / "photos") == content(tmp_path / "b" / "photos")


@pytest.mark.parametrize("span", [{}, {"first_frame": 3, "end_frame": 42}])
def test_damage_is_that_of_the_whole(tmp_path, monkeypatch, span):
    """Frames in one segment and in the overlap of two; the first frame after the span is read."""
    clip = write_clip(tmp_path / "whole.mp4", FRAMES, keys=KEYS)
    missing, faulty = [9, 17, 24, 42], [11, 15, 35, 43]
    halves = undecodable(clip, tmp_path / "halves.mp4", faulty, kept=0.5)
    (source,) = find_sources([undecodable(halves, tmp_path / "clip.mp4", missing)])
    settings = ExtractSettings(**span)
    apart = extract_apart(source, tmp_path / "a" / "clip", settings)
    whole = extract_source(source, tmp_path / "b" / "clip", settings)
    cut_short(monkeypatch, 1000, 25)
    one = extract_source(source, tmp_path / "c" / "clip", settings)
    texts = {apart.record["source"]["damage"], whole.damage, one.damage}
    expected = (
        "3 of 39 frames could not be decoded; 3 frames decoded with errors"
        if span
        else "4 of 46 frames could not be decoded; 4 frames decoded with errors"
    )
    assert texts == {expected}


def test_a_video_without_damage_has_none_wherever_it_ends(source, tmp_path):
    for end in (2, 20, 40, 47):
        settings = ExtractSettings(end_frame=end, every=2)
        assert extract_source(source, tmp_path / f"{end}", settings).damage == ""


def test_frames_that_only_decoding_shows_are_no_damage(source, tmp_path, monkeypatch):
    table = PictureTable.of_file(source.path)
    shorter = replace(table, pts=table.pts[:-3], durations=table.durations[:-3])
    monkeypatch.setattr(PictureTable, "of_file", lambda _path: shorter)
    report = extract_source(source, tmp_path / "clip", SETTINGS)
    assert (report.frames, report.damage) == (FRAMES, "")


def test_a_segment_whose_frames_cannot_be_decoded_is_not_missing_for_ever(clip, tmp_path):
    (source,) = find_sources([undecodable(clip, tmp_path / "clip.mp4", range(30, FRAMES))])
    faceset = extract_apart(source, tmp_path / "faces")
    assert max(face.frame for face in faceset.faces()) == 29
    text = "16 of 46 frames could not be decoded"
    assert faceset.record["source"]["damage"] == text
    assert extract_source(source, tmp_path / "whole", SETTINGS).damage == text


@pytest.mark.parametrize("first", [FRAMES, 1000])
def test_a_span_after_the_end_leaves_nothing(source, tmp_path, first):
    settings = ExtractSettings(first_frame=first)
    with pytest.raises(NoFacesError, match=f"from number {first} on"):
        extract_apart(source, tmp_path / "clip", settings)
    assert not [*(tmp_path / "clip").rglob("*.*")]


def test_crops_of_an_interrupted_segment_are_gone(source, tmp_path):
    directory = tmp_path / "b" / "clip"

    def kill(_frames: int) -> None:
        if (directory / "images" / "000040-0.jpg").exists():
            # As if it had another face than the segment will have.
            for folder, ending in (("images", "jpg"), ("masks", "png")):
                (directory / folder / f"000040-7.{ending}").write_bytes(b"stale")
            raise KeyboardInterrupt

    extract_source(source, tmp_path / "a" / "clip", SETTINGS)
    extraction = opened(source, directory)
    *_, last = extraction.plan.segments
    with pytest.raises(KeyboardInterrupt):
        extraction.extract([last], kill)
    assert not extraction.is_complete(last)
    assert (directory / "masks" / "000040-7.png").exists()
    extract_apart(source, directory)
    assert content(directory) == content(tmp_path / "a" / "clip")


def hold(file: str) -> None:
    """What another process does while it extracts a segment."""
    from faceswap.core.locks import hold_file

    with hold_file(Path(file), "the extraction of segments"):
        print("held", flush=True)
        sys.stdin.readline()


def test_a_segment_that_another_process_writes_keeps_a_whole_extraction_out(source, tmp_path):
    directory = tmp_path / "clip"
    extraction = opened(source, directory)
    file = segment_file(directory, FIRSTS[1], FIRSTS[2])
    code = "import sys; from tests.extraction.test_source_extraction import hold; hold(sys.argv[1])"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(OutputBusyError, match="the extraction of segments of process"):
            extract_source(source, directory, SETTINGS)
        assert extraction.missing() == [[*extraction.plan.segments]]
        process.communicate("\n")
    assert extract_source(source, directory, SETTINGS).faces > FRAMES


def late(index: int) -> np.ndarray:
    """A face in the last frames only."""
    return moving_portrait(index) if index >= 40 else plain_picture(index)


def test_a_process_that_found_no_face_finishes_what_others_found(tmp_path):
    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", FRAMES, late, keys=KEYS)])
    extract_source(source, tmp_path / "a" / "clip", SETTINGS)
    directory = tmp_path / "b" / "clip"
    extract_source(source, directory, ExtractSettings(crop_size=256))
    options = {"overwrite": True, "run": "r"}
    first, second = (opened(source, directory, **options) for _ in range(2))
    *faceless, last = first.plan.segments
    first.extract(faceless)
    second.extract([last])
    first.finish()
    assert content(directory) == content(tmp_path / "a" / "clip")


def test_processes_of_a_run_replace_a_faceset_once(source, tmp_path):
    extract_source(source, tmp_path / "a" / "clip", SETTINGS)
    directory = tmp_path / "b" / "clip"
    # The old one has other names of crops, of which none is left.
    extract_source(source, directory, ExtractSettings(image_format="webp"))
    extract_apart(source, directory, overwrite=True, run="r")
    assert content(directory) == content(tmp_path / "a" / "clip")


@pytest.mark.parametrize("overwrite", [False, True])
def test_processes_of_a_run_begin_a_new_faceset_once(source, tmp_path, overwrite):
    extract_source(source, tmp_path / "a" / "clip", SETTINGS)
    extract_apart(source, tmp_path / "b" / "clip", overwrite=overwrite, run="r")
    assert content(tmp_path / "b" / "clip") == content(tmp_path / "a" / "clip")
    record = json.loads((tmp_path / "b" / "clip" / "faceset.json").read_text())
    assert record["complete"]
