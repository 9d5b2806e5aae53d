"""Damage of sources whose frames are not known without reading them, after a kill and without."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faceswap.extraction import source_extraction
from faceswap.extraction.frame_tally import processed
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.media.frame import Frame
from faceswap.media.images import write_image
from faceswap.media.picture_table import PictureTable, UncertainPicturesError
from faceswap.media.sources import Source, find_sources
from tests.extraction.short_segments import cut_short, kill_extraction
from tests.facesets.test_killed_faceset import content
from tests.footage import moving_portrait, undecodable, write_clip

FRAMES, KEYS = 46, (13, 31)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    cut_short(monkeypatch, 10, 6)


def segments_in(directory: Path) -> int:
    """Number of segments of an unfinished faceset."""
    return len([*(directory / "segments").glob("segment-*.parquet")])


@pytest.mark.parametrize(
    ("broken", "span", "damage"),
    [
        ((3, 23), {}, "2 of 25 images cannot be read: 03.png, 23.png ("),
        # Between the last photo of the span and the first one after it.
        ((3, 21, 22, 23), {"end_frame": 22}, "2 of 25 images cannot be read: 03.png, 21.png ("),
        # All photos of the last segment, which is not written then.
        ((3, *range(20, 25)), {}, "6 of 25 images cannot be read: 03.png, 20.png, 21.png, "),
        ((2, 3), {"first_frame": 3}, "1 of 25 images cannot be read: 03.png ("),
    ],
)
def test_unreadable_photos_of_a_killed_run_are_reported(tmp_path, broken, span, damage):
    for number in range(25):
        write_image(tmp_path / "photos" / f"{number:02d}.png", moving_portrait(number))
    for number in broken:
        (tmp_path / "photos" / f"{number:02d}.png").write_bytes(b"no picture")
    (source,) = find_sources([tmp_path / "photos"])
    settings = ExtractSettings(**span)
    kill_extraction(source, tmp_path / "a" / "photos", 13, settings)
    assert segments_in(tmp_path / "a" / "photos")
    resumed = extract_source(source, tmp_path / "a" / "photos", settings)
    whole = extract_source(source, tmp_path / "b" / "photos", settings)
    assert whole.damage.startswith(damage)
    assert resumed.damage == whole.damage
    assert content(tmp_path / "a" / "photos") == content(tmp_path / "b" / "photos")


@pytest.fixture
def uncertain(tmp_path, monkeypatch) -> Source:
    """A video without its frame 9, whose frames are not known without decoding it."""

    def of_file(path: Path) -> PictureTable:
        raise UncertainPicturesError(path)

    monkeypatch.setattr(PictureTable, "of_file", of_file)
    clip = write_clip(tmp_path / "whole.mp4", FRAMES, keys=KEYS)
    (source,) = find_sources([undecodable(clip, tmp_path / "clip.mp4", [9])])
    return source


@pytest.mark.parametrize("first", [None, 4])
def test_damage_before_a_kill_is_reported_of_a_video_of_unknown_length(uncertain, tmp_path, first):
    settings = ExtractSettings(first_frame=first)
    kill_extraction(uncertain, tmp_path / "a" / "clip", 35, settings)
    assert segments_in(tmp_path / "a" / "clip") > 1  # so that decoding may begin at a key frame
    resumed = extract_source(uncertain, tmp_path / "a" / "clip", settings)
    whole = extract_source(uncertain, tmp_path / "b" / "clip", settings)
    assert resumed.damage == whole.damage == "1 of 46 frames could not be decoded"
    assert content(tmp_path / "a" / "clip") == content(tmp_path / "b" / "clip")


def test_damage_of_a_video_of_unknown_length_does_not_depend_on_what_was_read_ahead(
    uncertain, tmp_path, monkeypatch
):
    def damage(name: str, end: int) -> str:
        return extract_source(uncertain, tmp_path / name, ExtractSettings(end_frame=end)).damage

    usual = [damage("a", FRAMES - 1), damage("b", FRAMES)]

    def read_ahead(frames: Iterable[Frame], *span: Any) -> Iterator[Frame]:
        return processed([*frames], *span)

    monkeypatch.setattr(source_extraction, "processed", read_ahead)
    assert [damage("c", FRAMES - 1), damage("d", FRAMES)] == usual
    assert usual == ["", "1 of 46 frames could not be decoded"]
