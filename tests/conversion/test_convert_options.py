"""Options of ``faceswap convert``, as they change the pixels and the report of a photo."""

import cv2
import numpy as np
import pytest

from faceswap.core.documents import read_json
from faceswap.media.images import read_image, write_image
from tests.footage import moving_portrait


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
    assert "Shows bob" not in said  # the only face is alice
    report = read_json(tmp_path / "out.png.json")
    assert report["shows"] == ["alice"]
    assert report["targets"] == [
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
