"""Faces taken out of a faceset and put back."""

import shutil
import sys

import numpy as np
import pytest

from faceswap.core.errors import FacesetError, OutputBusyError, OutputExistsError
from faceswap.core.folders import enclosing_result
from faceswap.core.locks import hold_folder
from faceswap.curation.removal import remove_crops, removed_crops, restore_crops
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.writer import FacesetWriter
from faceswap.media.images import write_image
from tests.core.event_stopper import run_until
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import EXTRACTOR, SOURCE, write_faceset

NAMES = ("000001-0.png", "000002-0.png", "000004-0.png")


def frames(path) -> list[int]:
    return [face.frame for face in Faceset.open(path).trainable()]


def test_removed_faces_come_back_as_they_were(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    before = content(path)
    assert remove_crops(path, NAMES) == 3
    assert frames(path) == [0, 3, 5]
    assert len(Faceset.open(path).faces()) == 6
    assert removed_crops(Faceset.open(path)) == list(NAMES)
    assert remove_crops(path, NAMES) == 0
    assert restore_crops(path, NAMES[:1]) == 1
    assert frames(path) == [0, 1, 3, 5]
    assert restore_crops(path, NAMES) == 2
    assert content(path) == before
    assert not (path / "removed").exists()


@pytest.mark.parametrize("job", [remove_crops, restore_crops])
def test_no_crop_is_lost_by_a_kill_at_any_change(tmp_path, job):
    start = write_faceset(tmp_path / "start").path
    if job is restore_crops:
        remove_crops(start, NAMES)
    pictures = {path.name: path.read_bytes() for path in start.glob("[ir]*/*.png")}
    assert len(pictures) == 6

    def prepare(name: str):
        shutil.copytree(start, tmp_path / name / "clip")
        return tmp_path / name / "clip"

    whole = prepare("whole")
    changes = run_until(sys.maxsize, lambda path: job(path, NAMES), whole)
    assert len(changes) > 5
    for number in range(len(changes)):
        path = prepare(f"at-{number}")
        run_until(number, lambda path: job(path, NAMES), path)
        found = [*path.glob("images/*"), *path.glob("removed/*")]
        assert {file.name: file.read_bytes() for file in found} == pictures
        assert len(found) == len(pictures)
        job(path, NAMES)
        assert content(path) == content(whole)


def test_no_picture_is_replaced_by_another(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    remove_crops(path, NAMES)
    write_image(path / "images" / NAMES[1], np.full((32, 32, 3), 99, np.uint8))
    for job in (remove_crops, restore_crops):
        with pytest.raises(OutputExistsError, match=r"000002-0\.png"):
            job(path, NAMES)
    assert frames(path) == [0, 2, 3, 5]  # nothing was moved
    shutil.copy(path / "removed" / NAMES[1], path / "images")
    assert restore_crops(path, NAMES) == 3  # an equal one is no loss


def test_a_removed_crop_belongs_to_its_faceset(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    remove_crops(path, NAMES)
    assert enclosing_result(path / "removed" / NAMES[0]) == (path, "faceset")
    # The crops of another extraction are not to be restored into the new one.
    FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=True).begin()
    assert not list((path / "removed").iterdir())


def test_one_process_at_a_time_changes_a_faceset(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    with hold_folder(path, "the extraction"), pytest.raises(OutputBusyError):
        remove_crops(path, NAMES)


def test_nothing_is_moved_out_of_a_faceset(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    (tmp_path / "elsewhere").mkdir()
    (path / "removed").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FacesetError, match="link to another place"):
        remove_crops(path, NAMES)
