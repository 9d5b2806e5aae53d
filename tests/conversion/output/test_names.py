"""What a conversion may write, replace, keep and refuse."""

import gc
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.output.planning import format_note, plan_outputs
from faceswap.conversion.pipeline import ConvertJob, convert_source
from faceswap.core.documents import read_json
from faceswap.core.errors import (
    MediaError,
    NoFacesError,
    OutputBusyError,
    OutputError,
    OutputExistsError,
    SourceChangedError,
)
from faceswap.core.locks import hold_file
from faceswap.media.images import read_image, write_image
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import VideoReader
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.identity import open_identity
from tests.conversion.test_pipeline import swapper
from tests.core.event_stopper import run_until
from tests.footage import moving_portrait, plain_picture

FRAMES = 2
PHOTOS = {"1.png": plain_picture, "2.bmp": moving_portrait, "3.jpg": moving_portrait}


@pytest.fixture
def photos(tmp_path) -> Source:
    for index, (name, picture) in enumerate(PHOTOS.items()):
        write_image(tmp_path / "photos" / name, picture(7 * index))
    return find_sources([tmp_path / "photos"])[0]


def images(*names: str) -> Source:
    return Source(Path("in"), "images", "in", tuple(Path("in") / name for name in names))


def test_two_photos_never_get_one_name():
    source = images("x.avif", "x.png", "x.jp2", "y.ppm", "X-avif.png")
    outputs = name_outputs(source, Path("out"))
    names = [file.name for file in outputs.files]
    assert names == ["x-avif-2.png", "x.png", "x-jp2.png", "y.png", "X-avif.png"]
    assert "x.png.c2pa" not in [path.name for path in outputs.names()]
    assert outputs.report == Path("out.json")
    assert "converted to .png" in format_note(source, outputs)


def test_what_cannot_be_written_becomes_mp4_or_mov(tmp_path):
    for name in ("v/a.wmv", "v/a.mp4", "v/b.mxf", "v/c.avi", "w/c.wmv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    sources = find_sources([tmp_path / "v"])
    planned = plan_outputs(sources, tmp_path / "out")
    assert [o.path.name for o in planned] == ["a-mp4.mp4", "a-wmv.mp4", "b.mov", "c.avi"]
    assert [bool(format_note(*pair)) for pair in zip(sources, planned, strict=True)] == [
        False,
        True,
        True,
        False,
    ]
    (only,) = find_sources([tmp_path / "w"])
    (chosen,) = plan_outputs([only], tmp_path / "out.mkv")
    assert chosen.path == tmp_path / "out.mkv"
    assert format_note(only, chosen) == ""


def test_a_source_is_never_an_output(tmp_path):
    for name in ("a.wmv", "a.mp4"):
        (tmp_path / name).touch()
    wmv = Source(tmp_path / "a.wmv", "video", "a", (tmp_path / "a.wmv",))
    mp4 = Source(tmp_path / "a.mp4", "video", "b", (tmp_path / "a.mp4",))
    with pytest.raises(MediaError, match=r"a\.mp4 is the source itself"):
        plan_outputs([wmv, mp4], tmp_path)


def test_a_photo_cannot_be_named_after_an_unwritable_format(tmp_path):
    write_image(tmp_path / "a.png", moving_portrait(0))
    with pytest.raises(MediaError, match=r"cannot be written as '\.avif'"):
        name_outputs(find_sources([tmp_path / "a.png"])[0], tmp_path / "b.avif")


@pytest.mark.parametrize(
    "name", ["out/2.bmp", "out/2.bmp.c2pa", "out/3.jpg", "out/3.jpg.c2pa", "out.json"]
)
def test_files_of_the_user_are_refused_before_the_work(photos, tmp_path, name):
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=f"{mine.name} exists already"):
        convert_source(photos, tmp_path / "out", swapper())
    assert mine.read_bytes() == b"mine"
    others = {path.name for path in tmp_path.rglob("*") if path.is_file()} - set(PHOTOS)
    assert others <= {mine.name}


def test_photos_without_a_face_leave_the_users_photos(tmp_path):
    write_image(tmp_path / "in" / "one.bmp", plain_picture(0))
    for name in ("one.bmp", "one.bmp.c2pa"):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_bytes(b"mine")
    (tmp_path / "out.json").write_bytes(b"mine")
    with pytest.raises(NoFacesError):
        convert_source(
            find_sources([tmp_path / "in"])[0], tmp_path / "out", swapper(), overwrite=True
        )
    assert (tmp_path / "out" / "one.bmp").read_bytes() == b"mine"
    assert (tmp_path / "out" / "one.bmp.c2pa").read_bytes() == b"mine"
    assert (tmp_path / "out.json").read_bytes() == b"mine"


def test_an_interrupted_folder_of_photos_is_resumed(photos, tmp_path):
    whole = convert_source(photos, tmp_path / "whole", swapper())
    assert [file.name for file in whole.files] == list(PHOTOS)

    def kill(_frames: int) -> None:
        if len(list((tmp_path / "out").glob("*.bmp"))):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_source(photos, tmp_path / "out", swapper(), on_frames=kill)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert [path.name for path in sorted(before)] == ["1.png", "2.bmp", "2.bmp.c2pa"]
    resumed = convert_source(photos, tmp_path / "out", swapper())
    assert (resumed.frames, resumed.frames_now, resumed.faces_swapped) == (3, 1, 2)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    reports = [read_json(tmp_path / f"{name}.json") for name in ("out", "whole")]
    for report in reports:
        for file in report["files"]:
            del file["sha256"]  # the time of signing differs
    assert reports[0] == reports[1]
    again = convert_source(photos, tmp_path / "out", swapper())
    assert (again.frames, again.frames_now, again.notes) == (3, 0, resumed.notes)


def test_photos_that_were_added_or_removed_are_converted_with_those_before(photos, tmp_path):
    first = convert_source(photos, tmp_path / "out", swapper())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    write_image(tmp_path / "photos" / "4.png", moving_portrait(2))
    (more,) = find_sources([tmp_path / "photos"])
    report = convert_source(more, tmp_path / "out", swapper())
    assert (report.frames, report.frames_now) == (4, 1)
    assert report.faces_swapped == first.faces_swapped + 1
    assert before == {path: path.stat().st_mtime_ns for path in before}
    stored = read_json(tmp_path / "out.json")
    assert [file["name"] for file in stored["files"]] == [*PHOTOS, "4.png"]
    assert convert_source(more, tmp_path / "out", swapper()).frames_now == 0

    (tmp_path / "photos" / "4.png").unlink()
    report = convert_source(photos, tmp_path / "out", swapper())
    assert (report.frames, report.frames_now) == (3, 0)
    assert [file["name"] for file in read_json(tmp_path / "out.json")["files"]] == [*PHOTOS]
    with pytest.raises(OutputExistsError):  # another conversion replaces nothing
        convert_source(photos, tmp_path / "out", swapper(to="alice"))


def test_the_report_of_other_photos_is_refused(photos, tmp_path):
    convert_source(photos, tmp_path / "out", swapper())
    report = read_json(tmp_path / "out.json")
    report |= {"fingerprint": "", "source": {"name": "others"}}
    (tmp_path / "out.json").write_text(json.dumps(report))
    with pytest.raises(OutputExistsError, match=r"out\.json exists already"):
        convert_source(photos, tmp_path / "out", swapper())


def test_a_finished_conversion_is_kept_and_another_one_refused(clip, faceset, tmp_path):
    source, output = find_sources([clip])[0], tmp_path / "out.mkv"
    first = convert_source(source, output, swapper(), faceset=faceset)
    content = output.read_bytes()
    again = convert_source(source, output, swapper(), faceset=faceset)
    assert (first.frames_now, again.frames_now, again.frames) == (2, 0, 2)
    assert output.read_bytes() == content
    for other in (swapper(to="alice"), swapper(colour="lab")):
        with pytest.raises(OutputExistsError, match=r"out\.mkv, .*c2pa, .*json exist already"):
            convert_source(source, output, other, faceset=faceset)
    with pytest.raises(OutputExistsError):  # the faces are found in another way
        convert_source(source, output, swapper())
    output.write_bytes(content[:-1] + b"x")  # no longer what was signed
    with pytest.raises(OutputExistsError, match=r"out\.mkv"):
        convert_source(source, output, swapper(), faceset=faceset)
    replaced = convert_source(source, output, swapper(), faceset=faceset, overwrite=True)
    assert replaced.frames_now == 2


def test_a_source_replaced_while_it_is_converted_is_not_signed(clip, faceset, tmp_path):
    path = Path(shutil.copy(clip, tmp_path / "clip.mp4"))

    def replace(_frames: int) -> None:
        other = tmp_path / "other.mp4"
        other.write_bytes(clip.read_bytes() + b"x")
        other.replace(path)

    with pytest.raises(SourceChangedError, match="while it was read"):
        convert_source(
            find_sources([path])[0],
            tmp_path / "out.mp4",
            swapper(),
            faceset=faceset,
            on_frames=replace,
        )
    assert sorted(file.name for file in tmp_path.iterdir()) in (
        ["clip.mp4"],
        ["clip.mp4", "other.mp4"],
    )


def test_what_changed_since_it_was_read_is_read_again(photos, tmp_path):
    output = tmp_path / "out"
    convert_source(photos, output, swapper())
    (tmp_path / "out.json").unlink()
    outputs, identity = name_outputs(photos, output), open_identity()
    job = ConvertJob(photos, outputs, swapper(), FaceFinding(), EncodeSettings(), identity)
    earlier = job.find_earlier()
    assert earlier is not None
    assert earlier.swapped == {0: 0, 1: 1, 2: 1}
    content = (output / "3.jpg").read_bytes()
    (output / "3.jpg").write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"3\.jpg exists already"):
        job.run(earlier)
    assert (output / "3.jpg").read_bytes() == b"mine"
    (output / "3.jpg").write_bytes(content)
    write_image(photos.files[2], moving_portrait(3))
    with pytest.raises(SourceChangedError, match=r"3\.jpg was replaced or changed"):
        job.run(earlier)
    assert (output / "3.jpg").read_bytes() == content


def test_an_output_has_one_writer(photos, tmp_path):
    with hold_file(tmp_path / "out.json", "the conversion"), pytest.raises(OutputBusyError):
        convert_source(photos, tmp_path / "out", swapper())
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="limits of other systems")
def test_names_that_do_not_fit_are_refused_before_the_work(clip, tmp_path):
    source = find_sources([clip])[0]
    for name in ("x" * 247 + ".mp4", "x" * 300 + ".mp4"):  # the report is longer by 5
        with pytest.raises(OutputError, match="longer than the 255"):
            convert_source(source, tmp_path / name, swapper())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Expected a folder, found a file"):
        convert_source(source, tmp_path / "file" / "out.mp4", swapper())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("replaced", [True, False])
def test_a_video_stopped_before_any_change_is_repeated(clip, faceset, tmp_path, suffix, replaced):
    source = find_sources([clip])[0]
    old = tmp_path / "old" / f"out{suffix}"
    if replaced:
        convert_source(source, old, swapper(to="alice"), faceset=faceset)

    def job(output: Path) -> None:
        convert_source(source, output, swapper(), faceset=faceset, overwrite=replaced)

    def prepare(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(old.parent, folder) if replaced else folder.mkdir()
        return folder / old.name

    def frames(output: Path) -> np.ndarray:
        return np.stack([frame.image for frame in VideoReader(output)])

    whole = prepare("whole")
    changes = run_until(sys.maxsize, job, whole)
    for number, change in enumerate(changes):
        output = prepare(f"at-{number}")
        run_until(number, job, output)
        gc.collect()  # the lock is released with the objects of the job, as at the end of a process
        if output.exists():
            found = read_provenance(output)
            assert (found.state, found.synthetic) == ("intact", True), change
            # The report of another file never stands beside it.
            assert found.report_matches is (None if found.report is None else True), change
        job(output)
        names = sorted(path.name for path in output.parent.iterdir())
        assert names == sorted(path.name for path in whole.parent.iterdir()), change
        np.testing.assert_array_equal(frames(output), frames(whole))
        assert read_provenance(output).report_matches, change
        shutil.rmtree(output.parent)
    print(f"{suffix} {'over an old one' if replaced else 'new'}: {len(changes)} points")


@pytest.mark.slow
def test_photos_stopped_before_any_change_are_resumed(photos, tmp_path):
    def job(output: Path) -> None:
        convert_source(photos, output, swapper())

    (tmp_path / "whole").mkdir()
    whole = tmp_path / "whole" / "out"
    changes = run_until(sys.maxsize, job, whole)
    for number in range(len(changes)):
        output = tmp_path / f"at-{number}" / "out"
        output.parent.mkdir()
        run_until(number, job, output)
        gc.collect()  # the lock is released with the objects of the job, as at the end of a process
        for photo in output.glob("[0-9].*"):
            if photo.suffix != ".c2pa":
                assert read_provenance(photo).state == "intact", changes[number]
        job(output)
        for name in PHOTOS:
            np.testing.assert_array_equal(read_image(output / name), read_image(whole / name))
        names = sorted(path.name for path in output.parent.rglob("*"))
        assert names == sorted(path.name for path in whole.parent.rglob("*")), changes[number]
        shutil.rmtree(output.parent)
    print(f"photos: {len(changes)} points")
