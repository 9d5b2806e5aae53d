"""New facesets with faces of existing ones."""

import gc
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError, OutputExistsError
from faceswap.curation import merging
from faceswap.curation.checking import check_faceset
from faceswap.curation.copying import copy_faces
from faceswap.curation.marks import write_marks
from faceswap.curation.masking import make_masks, set_default
from faceswap.curation.merging import common_subject, merge_facesets
from faceswap.curation.removal import remove_crops
from faceswap.curation.repairing import drop_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.facesets.subjects import set_subject
from faceswap.facesets.writer import FacesetWriter
from faceswap.maskers import build_masker
from faceswap.media.images import write_image
from faceswap.provenance.subject import Subject
from tests.core.event_stopper import run_until
from tests.facesets.test_edit import make_version_2
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import EXTRACTOR, SOURCE, row, write_faceset, write_whole


def write(path: Path, faces: list[tuple[int, int]], level: int = 0, **extractor) -> Faceset:
    """Writes a faceset of given frames and faces; two of one frame have different landmarks."""
    writer = FacesetWriter(path, SOURCE, EXTRACTOR | extractor, overwrite=False)
    rows = [row(frame, face, track=face) for frame, face in faces]
    for (frame, face), one in zip(faces, rows, strict=True):
        for folder in ("images", "masks"):
            picture = np.full((32, 32), level + 10 * face + frame, np.uint8)
            write_image(path / folder / one["image"], picture)
    write_whole(writer, rows, 9)
    return Faceset.open(path)


@pytest.mark.parametrize("version", [2, 3])
def test_a_copy_has_the_chosen_faces_as_they_are(tmp_path, version):
    faceset = write_faceset(tmp_path / "clip")
    if version == 2:
        make_version_2(faceset.path)
        faceset = Faceset.open(faceset.path)
    remove_crops(faceset.path, ["000003-0.png"])
    faces, copied = faceset.faces(), []
    copy_faces(faceset, faces[1:4], tmp_path / "out" / "copy", copied.append)
    copy = Faceset.open(tmp_path / "out" / "copy")
    assert [face.frame for face in copy.faces()] == [1, 2, 3]
    assert [face.frame for face in copy.trainable()] == [1, 2]
    np.testing.assert_array_equal(copy.meshes(), faceset.meshes()[1:4])
    np.testing.assert_array_equal(copy.load_crop(copy.faces()[0]), faceset.load_crop(faces[1]))
    source = copy.record["source"]
    assert (source["faces"], source["frames_with_face"], source["frames"]) == (3, 3, 6)
    assert source["sha256"] == faceset.source_sha256
    report = check_faceset(copy.path)
    assert (report.findings, report.removed) == ((), 1)
    assert sum(copied) == 3
    with pytest.raises(OutputExistsError):
        copy_faces(faceset, faces, copy.path)


def test_a_killed_copy_leaves_nothing_that_looks_like_one(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    faces = faceset.faces()[:2]

    def job(output: Path) -> None:
        copy_faces(faceset, faces, output)

    whole = tmp_path / "whole" / "copy"
    whole.parent.mkdir()
    changes = run_until(sys.maxsize, job, whole)
    for number in range(len(changes)):
        output = tmp_path / f"at-{number}" / "copy"
        output.parent.mkdir()
        run_until(number, job, output)
        gc.collect()  # of the lock, which a killed process would not hold
        if not output.exists():
            job(output)
        assert content(output) == content(whole), changes[number]
        shutil.rmtree(output.parent)


def test_parts_of_a_faceset_merge_into_the_whole(tmp_path):
    whole = write_faceset(tmp_path / "clip")
    faces = whole.faces()
    for name, some in (("a", faces[::2]), ("b", faces[1:4])):
        copy_faces(whole, some, tmp_path / name)
    parts = [Faceset.open(tmp_path / name) for name in "ab"]
    write_marks(parts[0].path, "order", {faces[0].image: 0})
    assert merge_facesets(parts, tmp_path / "merged") == 5  # frame 2 is in both
    merged = Faceset.open(tmp_path / "merged")
    assert [face.frame for face in merged.faces()] == [0, 1, 2, 3, 4]
    assert [face.image for face in merged.faces()] == [face.image for face in faces[:5]]
    np.testing.assert_array_equal(merged.meshes(), whole.meshes()[:5])
    assert {face.track for face in merged.faces()} == {0}
    assert {face.order for face in merged.faces()} == {None}
    assert check_faceset(merged.path).findings == ()


def test_faces_of_one_frame_are_numbered_anew_and_tracks_kept_apart(tmp_path):
    first = write(tmp_path / "a", [(0, 0), (1, 0)])
    second = write(tmp_path / "b", [(0, 1), (1, 0), (2, 0)], level=100, every=1, detector="e")
    remove_crops(first.path, ["000001-0.png"])
    merge_facesets([first, second], tmp_path / "merged")
    merged = Faceset.open(tmp_path / "merged")
    faces = merged.faces()
    assert [(face.frame, face.face) for face in faces] == [(0, 0), (0, 1), (1, 0), (2, 0)]
    assert [face.track for face in faces] == [0, 2, 1, 1]
    # That of frame 1 is in both: the crop that was not removed is taken.
    assert [merged.load_crop(face).mean() for face in faces] == [0, 110, 101, 102]
    assert [merged.load_mask(face).mean() for face in faces] == [0, 110, 101, 102]
    assert check_faceset(merged.path).findings == ()


def test_rows_are_merged_group_by_group(tmp_path, monkeypatch):
    paths = [
        write(tmp_path / name, [(frame, face) for frame in frames], level).path
        for name, frames, face, level in (("a", range(0, 6), 0, 0), ("b", range(3, 9), 1, 100))
    ]
    for path, order in zip(paths, (range(6), (5, 0, 4, 1, 3, 2)), strict=True):
        rows = pq.read_table(path / ROWS).take([*order])  # b is not in the order of the source
        pq.write_table(rows, path / ROWS, row_group_size=2)
    parts = [Faceset.open(path) for path in paths]
    merge_facesets(parts, tmp_path / "whole")
    monkeypatch.setattr(merging, "_GROUP", 2)
    merge_facesets(parts, tmp_path / "groups")
    groups, whole = (Faceset.open(tmp_path / name) for name in ("groups", "whole"))
    assert pq.ParquetFile(groups.path / ROWS).num_row_groups > 5
    assert pq.read_table(groups.path / ROWS).equals(pq.read_table(whole.path / ROWS))
    assert [(f.frame, f.image) for f in whole.faces()][3:6] == [
        (3, "000003-0.png"),
        (3, "000003-1.png"),
        (4, "000004-0.png"),
    ]
    np.testing.assert_array_equal(
        groups.meshes()[:, 0, 0] - groups.meshes()[0, 0, 0], [face.frame for face in groups.faces()]
    )
    assert [round(groups.load_crop(f).mean()) for f in groups.faces()[3:5]] == [3, 113]


def test_masks_that_only_some_have_do_not_become_the_default(tmp_path):
    paths = [
        write_faceset(tmp_path / name, range(frame, frame + 1), maskers=["hull"]).path
        for frame, name in enumerate("ab")
    ]
    make_masks(paths[0], "eyes", build_masker("eyes"))
    set_default(paths[0], "eyes")
    merge_facesets([Faceset.open(path) for path in paths], tmp_path / "some")
    merged = Faceset.open(tmp_path / "some")
    assert (merged.masker, merged.maskers) == ("hull", ["hull", "eyes"])
    assert merged.record["masks"] == {"eyes": {}}
    assert check_faceset(merged.path).findings == ()
    set_default(merged.path, "eyes")
    (finding,) = check_faceset(merged.path).findings
    assert (finding.kind, finding.file) == ("mask", "000001-0.png")
    make_masks(paths[1], "eyes", build_masker("eyes"))
    set_default(paths[1], "eyes")
    merge_facesets([Faceset.open(path) for path in paths], tmp_path / "all")
    assert Faceset.open(tmp_path / "all").masker == "eyes"


def test_what_does_not_belong_together_is_refused(tmp_path):
    first = write_faceset(tmp_path / "a")
    other = write_faceset(tmp_path / "b", source=SOURCE | {"sha256": "b" * 64})
    with pytest.raises(FacesetError, match="facesets of one source"):
        merge_facesets([first, other], tmp_path / "merged")
    larger = write(tmp_path / "c", [(0, 0)], crop_size=64)
    with pytest.raises(FacesetError, match="found 32 and 64"):
        merge_facesets([first, larger], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_frames_at_different_distances_are_not_merged(tmp_path):
    facesets = [
        write(tmp_path / name, [(0, 0)], every=every) for name, every in (("a", 5), ("b", 3))
    ]
    with pytest.raises(FacesetError, match=r"--every 5 of .*a and --every 3 of .*b"):
        merge_facesets(facesets, tmp_path / "merged")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"end_frame": 2}, {"first_frame": 2}, {}),
        (
            {"first_frame": 1, "end_frame": 3},
            {"first_frame": 5, "end_frame": 8},
            {"first_frame": 1, "end_frame": 8},
        ),
        ({"min_size": 90, "max_faces": 1}, {"min_size": 40}, {"min_size": 40}),
        ({"largest": True}, {"largest": True}, {"largest": True}),
        ({"largest": True}, {"largest": None}, {}),
        ({"yaw": [-10, 5]}, {"yaw": [0, None], "roll": [0, 1]}, {"yaw": [-10, None]}),
    ],
)
def test_merged_facesets_have_the_span_and_the_conditions_of_all(tmp_path, first, second, expected):
    names = {*first, *second}
    one, two = write(tmp_path / "a", [(0, 0)], **first), write(tmp_path / "b", [(2, 0)], **second)
    merge_facesets([one, two], tmp_path / "merged")
    extractor = Faceset.open(tmp_path / "merged").record["extractor"]
    assert {name: extractor[name] for name in names if name in extractor} == expected


def test_a_merged_choice_of_faces_is_known_as_one(tmp_path):
    parts = [write_faceset(tmp_path / "a", range(2)), write_faceset(tmp_path / "b", range(2, 4))]
    only = write(tmp_path / "c", [(5, 0)], only=["anna"])
    copy_faces(parts[1], parts[1].faces()[:1], tmp_path / "copy")
    choice = Faceset.open(tmp_path / "copy")
    assert "chosen" not in parts[0].record
    for name, facesets, chosen in (
        ("all", parts, False),
        ("some", [parts[0], choice], True),
        ("people", [parts[0], only], True),
    ):
        merge_facesets(facesets, tmp_path / name)
        assert Faceset.open(tmp_path / name).record.get("chosen", False) == chosen, name


@pytest.mark.parametrize("dropped", [1, 5])
@pytest.mark.parametrize("work", ["merge", "copy"])
def test_rows_that_are_dropped_meanwhile_end_the_work(tmp_path, work, dropped):
    faceset, other = write_faceset(tmp_path / "a"), write_faceset(tmp_path / "b", range(6, 8))
    faces = faceset.faces()

    def drop(_count: int) -> None:
        if len(list((faceset.path / "images").iterdir())) == 6:
            (faceset.path / "images" / faces[dropped].image).unlink()
            drop_rows(faceset.path)

    jobs = {
        "merge": lambda target: merge_facesets([other, faceset], target, drop),
        "copy": lambda target: copy_faces(faceset, faces[dropped:], target, drop),
    }
    with pytest.raises(FacesetError, match="another process changed"):
        jobs[work](tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_subjects_that_differ_become_unstated(tmp_path):
    paths = [write_faceset(tmp_path / name).path for name in "ab"]
    for path in paths:
        set_subject(path, Subject("Alice", "consent", "release 7"))
    assert common_subject([Faceset.open(path) for path in paths])["reference"] == "release 7"
    set_subject(paths[1], Subject("Alice", "self"))
    assert common_subject([Faceset.open(path) for path in paths])["basis"] == "unstated"
