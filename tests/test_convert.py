"""What ``faceswap convert`` writes and prints."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

import faceswap.cli
from faceswap.conversion.output import earlier
from faceswap.core.checkpoint import save_checkpoint, settle_checkpoints
from faceswap.core.command_line import run_program
from faceswap.core.documents import read_json
from faceswap.core.hashed_file import HashedFile
from faceswap.media.converted import find_converted
from faceswap.media.images import read_image, write_image
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.models.registry import models
from faceswap.provenance.file_provenance import read_provenance
from tests.footage import moving_portrait, plain_picture

PLAIN = ("--colour", "none", "--blend", "alpha")
"""Options with which the decoded colours are those of the output."""
SHADES = {5: -4.0, 9: 4.0}
"""Logit of the one grey that the model decodes at each step."""


class Shade(nn.Module):
    """A decoder of one grey."""

    def __init__(self, logit: float = 0.0) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.full((1, 3, 1, 1), logit))

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        return self.logit.expand(len(code), 3, 64, 64)


def shades(identities, logit: float = 0.0) -> FaceAutoencoder:
    decoders = {name: Shade(logit) for name in identities}
    return FaceAutoencoder(nn.Identity(), nn.Identity(), decoders, 64, 64)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run whose best checkpoint, of step 5, is dark, and whose latest, of step 9, is bright."""
    monkeypatch.setitem(models._entries, "shades", shades)
    path = tmp_path / "run"
    for step, logit in SHADES.items():
        model = shades(("alice", "bob"), logit)
        save_checkpoint(path / "checkpoints", step, {"model": model.state_dict()}, {})
        meta = ModelMeta("shades", {}, model.identities, 1.25, step)
        save_model(path / "model", model, meta)
    settle_checkpoints(path / "checkpoints", max(SHADES), best=5, keep=2)
    return path


@pytest.fixture
def convert(tmp_path, capsys):
    """A function that runs the verb on a photo: exit code, and what was printed."""
    write_image(tmp_path / "photo.png", moving_portrait(0))

    def work(*arguments: object) -> tuple[int, str]:
        line = ["convert", tmp_path / "photo.png", "--to", "bob", *PLAIN, *arguments]
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", [str(word) for word in line])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((printed.out + printed.err).split())

    return work


@pytest.mark.parametrize(
    ("options", "grey", "printed", "recorded"),
    [
        ([], 5, "best checkpoint (step 5)", "best"),
        (["--checkpoint", "best"], 5, "best checkpoint (step 5)", "best"),
        (["--checkpoint", "latest"], 250, "latest checkpoint (step 9)", "latest"),
        (["--checkpoint", "9"], 250, "step 9.", "step 9"),
    ],
)
def test_the_checkpoint_decides_the_pixels(
    run, convert, tmp_path, options, grey, printed, recorded
):
    output = tmp_path / "out.png"
    code, said = convert("--model", run, "-o", output, *options)
    assert code == 0
    assert printed in said
    swapped = read_image(output)
    face = swapped[(swapped != read_image(tmp_path / "photo.png")).any(2)]
    assert np.median(face, 0).tolist() == pytest.approx([grey] * 3, abs=3)
    model = read_json(tmp_path / "out.png.json")["model"]
    assert (model["checkpoint"], model["step"]) == (recorded, 5 if grey == 5 else 9)


def test_an_unknown_step_lists_the_known_ones(run, convert, tmp_path):
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--checkpoint", "7")
    assert code == 2
    assert "no checkpoint '7'" in said
    assert "Use one of 5, 9, latest, best" in said
    assert not (tmp_path / "out.png").exists()


def test_faces_are_mapped_to_identities(run, convert, tmp_path):
    output = tmp_path / "out.png"
    code, said = convert("--model", run, "-o", output, "--map", "largest=alice")
    assert code == 0
    assert "Shows alice" in said
    assert read_json(tmp_path / "out.png.json")["targets"] == [
        {"faces": "largest", "to": "alice"},
        {"faces": "all", "to": "bob"},
    ]
    code, said = convert("--model", run, "-o", output, "--map", "largest")
    assert code == 2
    assert "Expected REF=IDENTITY in --map" in said


def test_an_exported_model_has_no_checkpoints(run, convert, tmp_path):
    model = run / "model"
    code, said = convert("--model", model, "-o", tmp_path / "out.png", "--checkpoint", "best")
    assert code == 2
    assert "Expected checkpoints" in said
    code, said = convert("--model", model, "-o", tmp_path / "out.png")
    assert code == 0
    assert "step 9" in said


def test_converting_a_folder_again_does_not_take_its_own_output(run, tmp_path, capsys):
    write_image(tmp_path / "ip/photo.png", moving_portrait(0))
    line = ["convert", tmp_path / "ip", "--to", "bob", "--model", run, "-o", tmp_path / "ip/out"]
    for extra in ([], ["--overwrite"]):
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", [str(w) for w in [*line, *extra]])
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        assert "1 of 1 frames" in " ".join(printed.err.split())
    assert not list((tmp_path / "ip/out").rglob("*out*"))


def test_every_setting_of_the_mask_reaches_the_pixels(run, convert, tmp_path):
    changes = (
        *("name=hull", "name=box", "name=hull*eyes", "erode=5", "feather=10", "keep=[mouth]"),
        *("erode_top=9", "erode_bottom=9", "erode_left=9", "erode_right=9"),
    )
    pixels = set()
    for number, change in enumerate(changes):
        output = tmp_path / f"{number}.png"
        code, said = convert("--model", run, "-o", output, "--set", f"mask.{change}")
        assert code == 0, said
        pixels.add(read_image(output).tobytes())
    assert len(pixels) == len(changes)
    output = tmp_path / "kept.png"
    assert convert("--model", run, "-o", output, "--keep", "mouth,eyes")[0] == 0
    assert read_image(output).tobytes() not in pixels


def test_every_blend_reaches_the_pixels(run, convert, tmp_path):
    # In a small face, a pyramid has one level and is the same as alpha.
    large = cv2.resize(moving_portrait(0), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    write_image(tmp_path / "photo.png", np.asarray(large, np.uint8))
    pixels = set()
    for name in ("alpha", "pyramid", "poisson"):
        output = tmp_path / f"{name}.png"
        code, said = convert("--model", run, "-o", output, "--blend", name, "--colour", "none")
        assert code == 0, said
        pixels.add(read_image(output).tobytes())
    assert len(pixels) == 3


def test_every_setting_of_the_detail_reaches_the_pixels(run, convert, tmp_path):
    textured = ["--detail", "1"]  # the decoded faces of the run are plain
    changes = (
        *(["--grain", "0"], textured, [*textured, "--sharpen", "2"]),
        *([*textured, "--set", f"detail.{name}"] for name in ("degrade=1",)),
        *(["--set", f"detail.{name}"] for name in ("reduce_colours=1", "scale=9")),
        *(["--set", "detail.offset_x=5"], ["--set", "detail.offset_y=5"]),
    )
    pixels = set()
    for number, change in enumerate(changes):
        output = tmp_path / f"{number}.png"
        code, said = convert("--model", run, "-o", output, *change)
        assert code == 0, said
        pixels.add(read_image(output).tobytes())
    assert len(pixels) == len(changes)


def test_a_model_without_masks_has_no_predicted_mask(run, convert, tmp_path):
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--mask", "hull*predicted")
    assert code == 2
    assert "Expected a model that predicts masks" in said


def test_an_option_and_its_setting_give_the_same_pixels(run, convert, tmp_path):
    (tmp_path / "soft.yaml").write_text("mask: {feather: 12}\n")
    for name, options in {
        "default": [],
        "option": ["--feather", "12"],
        "set": ["--set", "mask.feather=12"],
        "recipe": ["--config", tmp_path / "soft.yaml"],
        "set-wins": [
            "--config",
            tmp_path / "soft.yaml",
            "--feather",
            "8",
            "--set",
            "mask.feather=4",
        ],
    }.items():
        code, said = convert("--model", run, "-o", tmp_path / f"{name}.png", *options)
        assert code == 0, said
    made = {
        name: read_image(tmp_path / f"{name}.png")
        for name in ("default", "option", "set", "recipe", "set-wins")
    }
    np.testing.assert_array_equal(made["option"], made["set"])
    np.testing.assert_array_equal(made["option"], made["recipe"])
    np.testing.assert_array_equal(made["default"], made["set-wins"])
    assert (made["option"] != made["default"]).any()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("mask.feather=-1", "mask.feather"),
        ("mask.fether=1", "mask.feather"),
        ("mask", "NAME=VALUE"),
    ],
)
def test_an_invalid_setting_is_named(run, convert, tmp_path, change, expected):
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--set", change)
    assert code == 2
    assert expected in said
    assert not (tmp_path / "out.png").exists()


def test_a_preview_is_a_marked_sheet_of_the_present_settings(run, convert, tmp_path):
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--preview", "3")
    assert code == 0, said
    assert "1 frame" in said
    assert not (tmp_path / "out.png").exists()
    made = read_image(tmp_path / "out.preview.png")
    assert made.shape == (2 * 320 + 3 * 24, 320, 3)
    source, converted = made[48:368], made[392:]
    changed = converted[(converted != source).any(2)]
    assert np.median(changed, 0).tolist() == pytest.approx([5] * 3, abs=3)
    found = read_provenance(tmp_path / "out.preview.png")
    assert found.state == "intact"
    assert found.conversion is not None
    assert found.conversion["shows"] == ["bob"]
    assert find_converted([tmp_path / "out.preview.png"])
    assert convert("--model", run, "-o", tmp_path / "out.png", "--preview", "1")[0] == 0  # again


def test_a_sweep_has_a_row_for_each_combination(run, convert, tmp_path):
    words = ["--sweep", "feather=2,30", "mask=hull,mesh"]
    code, said = convert("--model", run, "-o", tmp_path / "out.png", *words)
    assert code == 0, said
    made = read_image(tmp_path / "out.sweep.png")
    assert made.shape == (5 * 320 + 6 * 24, 320, 3)
    source, *rows = (made[24 + 344 * row + 24 : 24 + 344 * (row + 1)] for row in range(5))
    hard_hull, hard_mesh, soft_hull, soft_mesh = (np.abs(row - source.astype(int)) for row in rows)
    assert (hard_hull != hard_mesh).any()
    assert (soft_hull != soft_mesh).any()
    assert (hard_hull.max(2) > 100).sum() > (soft_hull.max(2) > 100).sum()  # solid up to the edge
    report = read_json(tmp_path / "out.sweep.png.json")
    assert [row["changes"] for row in report["rows"]] == [
        ["mask.feather=2", "mask.name=hull"],
        ["mask.feather=2", "mask.name=mesh"],
        ["mask.feather=30", "mask.name=hull"],
        ["mask.feather=30", "mask.name=mesh"],
    ]


def test_a_preview_replaces_no_file_of_others(run, convert, tmp_path):
    (tmp_path / "out.preview.png").write_bytes(b"mine")
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--preview", "3")
    assert code == 2
    assert "exists already" in said
    assert (tmp_path / "out.preview.png").read_bytes() == b"mine"


@pytest.fixture
def convert_photos(run, tmp_path, capsys):
    """A function that converts the folder ``shots`` into ``out``: exit code, and what was said."""

    def work(*arguments: str) -> tuple[int, str]:
        line = [
            "convert",
            tmp_path / "shots",
            "--to",
            "bob",
            "--model",
            run,
            "-o",
            tmp_path / "out",
        ]
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", [*map(str, line), *arguments])
        return int(ended.value.code or 0), " ".join(capsys.readouterr().err.split())

    return work


def shoot(folder: Path) -> None:
    for number, name in enumerate(("1.bmp", "2.png")):
        write_image(folder / "shots" / name, moving_portrait(number))


def written(folder: Path) -> dict[str, int]:
    """Files below ``out`` and beside it, with the times of their last change."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("out*/**/*")}
    found |= {path.name: path for path in folder.glob("out.*")}
    return {name: path.stat().st_mtime_ns for name, path in found.items() if path.is_file()}


def test_a_folder_of_photos_is_converted_once(convert_photos, tmp_path):
    shoot(tmp_path)
    assert convert_photos()[0] == 0
    first = written(tmp_path)
    assert sorted(first) == ["out.json", "out/1.bmp", "out/1.bmp.c2pa", "out/2.png"]
    code, said = convert_photos()
    assert (code, "already complete" in said) == (0, True)
    assert written(tmp_path) == first
    code, said = convert_photos("--erode", "3")  # another conversion of the same photos
    assert (code, "out/1.bmp" in said and "exist already" in said) == (2, True)
    assert convert_photos("--overwrite")[0] == 0
    second = written(tmp_path)
    assert second.keys() == first.keys()
    assert all(second[name] > first[name] for name in first)


def noted(function: Callable[..., object], read: list[Path]) -> Callable[..., object]:
    """The function, noting the path that it is given."""

    def work(path: Path, *rest: object) -> object:
        read.append(path)
        return function(path, *rest)

    return work


@pytest.mark.parametrize("last", ["out/.lock", "out/1.bmp.c2pa", "out/1.bmp", "out/2.png"])
def test_an_interrupted_folder_of_photos_is_resumed(convert_photos, tmp_path, monkeypatch, last):
    shoot(tmp_path)
    assert convert_photos()[0] == 0
    order = ["out/1.bmp.c2pa", "out/1.bmp", "out/2.png", "out.json"]
    kept = order[: order.index(last) + 1] if last in order else []
    for name in set(order) - set(kept):
        (tmp_path / name).unlink()
    (tmp_path / "out/.lock").touch()  # a killed conversion leaves it
    before = written(tmp_path)
    read: list[Path] = []
    for place, name in ((HashedFile, "of"), (earlier, "read_own_counts")):
        monkeypatch.setattr(place, name, noted(getattr(place, name), read))
    code, said = convert_photos()
    assert len(read) - len(set(read)) == ("out/1.bmp" in kept)  # it told whose the folder is
    assert (code, "2 of 2 frames" in said) == (0, True), said
    after = written(tmp_path)
    assert sorted(after) == sorted(order)
    finished = [name for name in kept if last != "out/1.bmp.c2pa"]
    assert [after[name] for name in finished] == [before[name] for name in finished]


def test_the_folder_of_other_files_gets_a_folder_in_it(convert_photos, tmp_path):
    shoot(tmp_path)
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "1.bmp"
    mine.write_bytes(b"mine")
    (tmp_path / "out.json").write_text("[]")
    for _ in range(2):
        assert convert_photos()[0] == 0
        names = [name.removeprefix("out/") for name in sorted(written(tmp_path))]
        inner = ["shots.json", "shots/1.bmp", "shots/1.bmp.c2pa", "shots/2.png"]
        assert names == ["out.json", "1.bmp", *inner]
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_the_photo_of_another_one_is_kept(convert_photos, tmp_path, overwrite):
    write_image(tmp_path / "shots" / "one.png", plain_picture(0))
    mine = tmp_path / "out" / "shots" / "one.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    code, said = convert_photos(*overwrite)
    assert code == 2
    assert ("found none" if overwrite else "out/shots/one.png exists already") in said
    assert list(written(tmp_path)) == ["out/shots/one.png"]
    assert mine.read_bytes() == b"mine"


def test_shards_of_a_batch_convert_all_sources_together(run, tmp_path, capsys):
    for name in "abc":
        write_image(tmp_path / "in" / name / "1.png", moving_portrait(1))

    def convert(shard: str, *more: str) -> tuple[int, str]:
        line = ["convert", tmp_path / "in", "--to", "bob", "--model", run, "-o", tmp_path / "out"]
        words = [str(word) for word in (*line, "--shard", shard, *more)]
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", words)
        printed = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((printed.out + printed.err).split())

    for shard in ("3/2", "0/2", "2"):
        code, said = convert(shard)
        assert code == 2
        assert "Expected --shard I/N" in said
    code, said = convert("1/2", "--preview", "1")
    assert code == 2
    assert "Omit --shard" in said
    assert not (tmp_path / "out").exists()
    code, said = convert("2/2")
    assert code == 0
    assert said.count("left to shard 1 of 2") == said.count("unfinished") == 2
    assert [path.name for path in (tmp_path / "out").glob("*/*.png")] == ["1.png"]
    assert (tmp_path / "out" / "b" / "1.png").is_file()
    code, said = convert("1/2")
    assert code == 0
    assert "unfinished" not in said
    assert len([*(tmp_path / "out").glob("*/*.png")]) == 3


def test_a_batch_goes_on_after_a_failure_and_skips_what_is_finished(run, tmp_path, capsys):
    for name, picture in (("a", moving_portrait), ("b", plain_picture), ("c", moving_portrait)):
        write_image(tmp_path / "in" / name / "1.png", picture(1))

    def convert() -> tuple[int, str]:
        line = ["convert", tmp_path / "in", "--to", "bob", "--model", run, "-o", tmp_path / "out"]
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", [str(word) for word in line])
        return int(ended.value.code or 0), " ".join(capsys.readouterr().err.split())

    code, said = convert()
    assert code == 2
    assert "1 of 3 sources could not be converted" in said
    assert "b: Expected faces in" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a",
        "a.json",
        "c",
        "c.json",
    ]
    code, said = convert()
    assert code == 2
    assert said.count("already complete") == 2
    write_image(tmp_path / "in" / "b" / "1.png", moving_portrait(2))
    code, said = convert()
    assert code == 0
    assert (tmp_path / "out" / "b" / "1.png").is_file()
    (tmp_path / "out" / "b.json").unlink()
    (tmp_path / "out" / "b" / "1.png").write_bytes(b"mine")
    code, said = convert()
    assert code == 2
    assert "b/1.png exists already" in said
