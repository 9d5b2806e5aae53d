"""Sheets of single frames, to choose settings by."""

from dataclasses import replace
from pathlib import Path

import pytest

from faceswap.conversion import tuning
from faceswap.conversion.build import build_swapper
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.settings import ConvertConfig, MaskConfig
from faceswap.conversion.tuning import SheetRow, _spread, write_tuning_sheet
from faceswap.conversion.video.ranges import Ranges, parse_ranges
from faceswap.core.documents import read_json
from faceswap.core.errors import ConfigError, NoFacesError
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import read_image, write_image
from faceswap.media.sources import find_sources
from faceswap.provenance.identity import open_identity
from tests.conversion.test_pipeline import swapper
from tests.footage import plain_picture, write_clip

FRAMES = 12


def row(mask: str) -> SheetRow:
    config = ConvertConfig(mask=MaskConfig(name=mask, occluders="none"))
    return SheetRow(mask, build_swapper(swapper().loaded, config, "bob"), (f"mask.name={mask}",))


def tuning_job(
    clip: Path, output: Path, faces: Faceset | FaceFinding, ranges: Ranges | None = None
) -> ConvertJob:
    (source,) = find_sources([clip])
    return ConvertJob(
        source,
        name_outputs(source, output),
        swapper(),
        faces,
        EncodeSettings(),
        open_identity(),
        ranges=ranges or Ranges(),
    )


@pytest.mark.parametrize(
    ("indices", "count", "chosen"),
    [
        (range(10), 2, [2, 7]),
        (range(3), 8, [0, 1, 2]),
        ([4, 5, 90, 91], 2, [5, 91]),
        ([], 3, []),
    ],
)
def test_frames_are_spread_evenly(indices, count, chosen):
    assert _spread(indices, count) == chosen


def test_a_row_may_need_meshes_that_the_command_does_not(clip, faceset, tmp_path):
    job = tuning_job(clip, tmp_path / "out.mp4", faceset)
    path = tmp_path / "sheet.png"
    assert write_tuning_sheet(job, [row("hull"), row("mesh")], 3, path) == 3
    made = read_image(path)
    assert made.shape == (3 * 320 + 4 * 24, 3 * 324 - 4, 3)
    source, hull, mesh = (made[48 + 344 * row : 368 + 344 * row] for row in range(3))
    assert (hull != source).any(2).mean() > 0.02
    assert (hull != mesh).any()


@pytest.mark.parametrize("stored", [False, True])
def test_frames_are_those_of_the_range(clip, faceset, tmp_path, stored):
    ranges = parse_ranges("6f", "10f", [], "keep")
    faces = faceset if stored else FaceFinding()
    job = tuning_job(clip, tmp_path / "out.mp4", faces, ranges)
    write_tuning_sheet(job, [row("hull")], 2, tmp_path / "sheet.png")
    assert read_json(tmp_path / "sheet.png.json")["frames"] == [7, 9]


def test_frames_without_a_face_are_an_error(tmp_path):
    clip = write_clip(tmp_path / "plain.mp4", 4, plain_picture)
    job = tuning_job(clip, tmp_path / "out.mp4", FaceFinding())
    with pytest.raises(NoFacesError, match="4 frames"):
        write_tuning_sheet(job, [row("hull")], 8, tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize("view", ["mask", "patch"])
def test_what_sheets_do_not_show_is_an_error_before_the_source_is_read(
    clip, faceset, tmp_path, monkeypatch, view
):
    def read(source):
        raise AssertionError(f"{source.name} was read")

    monkeypatch.setattr(tuning, "hash_source", read)
    job = tuning_job(clip, tmp_path / "out.mp4", faceset)
    viewed = replace(job, encode=EncodeSettings(view=view))
    with pytest.raises(ConfigError, match=f"the view '{view}'"):
        write_tuning_sheet(viewed, [row("hull")], 2, tmp_path / "sheet.png")
    photo = tmp_path / "a.png"
    write_image(photo, plain_picture(0))
    ranges = parse_ranges("6f", "10f", [], "keep")
    of_photo = tuning_job(photo, tmp_path / "b.png", FaceFinding(), ranges)
    with pytest.raises(ConfigError, match="found photos"):
        write_tuning_sheet(of_photo, [row("hull")], 2, tmp_path / "sheet.png")
