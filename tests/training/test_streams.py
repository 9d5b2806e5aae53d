"""Trainings on faces that are read from packs."""

import json
import shutil
from dataclasses import replace
from itertools import count, islice

import numpy as np
import pytest
import torch

from faceswap.core.errors import ConfigError, FacesetError, IdentityError, TrainingError
from faceswap.curation.packing import Packing
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.batches import FaceBatches, load_ahead
from faceswap.data.people_split import split_packs
from faceswap.data.stream import FaceStream
from faceswap.data.training_crop import CropGeometry
from faceswap.data.warp import WarpRanges
from faceswap.evaluation.candidates import open_runs
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.named import find_crowd, leave_targets_out, parse_faces
from faceswap.facesets.pack import Pack
from faceswap.models.crowd import CROWD
from faceswap.models.model_file import load_model
from faceswap.training.build import run_training
from faceswap.training.inputs.opening import open_facesets
from tests.training.tiny import configured, same, weights

PEOPLE = {"bob": (150, 100, 70), "carol": (90, 60, 40), "dan": (60, 120, 60)}
SMALL = ("data.window=24", "data.minimum=4")


@pytest.fixture
def folder(make_faceset, tmp_path):
    """A faceset of the target, and packs of three people."""
    make_faceset(tmp_path / "faces" / "alice")
    for number, (name, shade) in enumerate(PEOPLE.items()):
        path = make_faceset(tmp_path / "others" / name, faces=40 + 12 * number, shade=shade)
        Packing(Faceset.open(path), tmp_path / "packs" / name, 10).run()
    return tmp_path


@pytest.fixture
def named(folder):
    alice = parse_faces([f"alice={folder / 'faces' / 'alice'}"])
    return leave_targets_out(alice | find_crowd([str(folder / "packs")]))


def config(steps, *overrides):
    return configured(f"training.steps={steps}", *SMALL, *overrides)


def test_packs_are_found_where_facesets_are(folder, named, memory):
    packs = folder / "packs"
    assert named[CROWD] == [packs / name for name in PEOPLE]
    assert parse_faces([f"bob={packs / 'bob'}"]) == {"bob": [packs / "bob"]}
    memory.put(f"{packs}/", "/store/packs/", recursive=True)
    assert find_crowd(["memory://store/packs"])[CROWD] == [
        f"memory://store/packs/{name}" for name in PEOPLE
    ]
    with pytest.raises(FacesetError, match="none at memory://store/nothing"):
        find_crowd(["memory://store/nothing"])
    with pytest.raises(FacesetError, match="found both"):
        open_facesets({"a": [packs / "bob", folder / "others" / "bob"], "b": []}, 2)


def test_a_training_from_packs_resumes_to_the_bit(named, tmp_path):
    """The steps go through several windows, and into the second epoch."""
    whole = run_training(config(50), named, tmp_path / "whole")
    assert list(whole.losses) == ["alice", CROWD]
    assert set(whole.quality) == {"alice", CROWD}
    for steps in (23, 50):
        run_training(config(steps), named, tmp_path / "run")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_a_training_from_a_url_is_the_same(folder, named, memory, tmp_path):
    run_training(config(20), named, tmp_path / "here")
    memory.put(f"{folder / 'packs'}/", "/store/packs/", recursive=True)
    there = {"alice": named["alice"]} | find_crowd(["memory://store/packs"])
    run_training(config(20), there, tmp_path / "there")
    assert same(weights(tmp_path / "here"), weights(tmp_path / "there"))
    manifest = json.loads((tmp_path / "there" / "manifest.json").read_text())
    assert manifest["data"][CROWD][0]["path"] == "memory://store/packs/bob"


def test_a_missing_tar_file_ends_a_training_that_resumes_to_the_bit(folder, named, tmp_path):
    run_training(config(40), named, tmp_path / "whole")
    run_training(config(7), named, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "cache")
    moved = [
        file.rename(file.with_suffix(".away"))
        for name in PEOPLE
        for file in (folder / "packs" / name).glob("*-000002.tar")
    ]
    with pytest.raises(FacesetError, match=r"-000002.tar is missing"):
        run_training(config(40), named, tmp_path / "run")
    for file in moved:
        file.rename(file.with_suffix(".tar"))
    run_training(config(40), named, tmp_path / "run")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_people_of_packs_travel_with_the_model_and_are_held_out(named, tmp_path):
    result = run_training(config(2, "data.held_out=0.3"), named, tmp_path / "run")
    loaded = load_model(tmp_path / "run")
    assert [each["name"] for each in loaded.meta.subjects[CROWD]] == list(PEOPLE)
    data = json.loads((tmp_path / "run" / "manifest.json").read_text())["data"]
    assert [source["faces"] for source in data[CROWD]] == [40, 52, 64]
    assert CROWD in result.quality
    packs = [Pack.open(place) for place in named[CROWD]]
    training, held_out = split_packs(CROWD, packs, 0.3)
    ends = np.cumsum([pack.faces for pack in packs])
    assert len(set(np.searchsorted(ends, held_out, "right"))) == 1
    assert sorted([*training, *held_out]) == list(range(ends[-1]))
    assert {"alice"} == set(open_runs([tmp_path / "run"], "cpu")[0].held_out)


def test_blocks_of_a_person_in_packs_are_held_out(named):
    packs = [Pack.open(place) for place in named[CROWD][:2]]
    for name in ("bob", CROWD):  # two people are too few to hold one out
        training, held_out = split_packs(name, packs, 0.2)
        assert sorted([*training, *held_out]) == list(range(92))
        assert np.sum(held_out < 40) == 8
        assert np.sum(held_out >= 40) == 10
        assert np.sum(np.diff(held_out) > 1) == 7  # eight blocks


def test_an_identity_can_be_in_a_pack(folder, named, tmp_path):
    faces = {"alice": named["alice"], "bob": [folder / "packs" / "bob"]}
    result = run_training(config(12, "augmentation.colour_transfer=0.5"), faces, tmp_path / "run")
    assert set(result.quality) == {"alice", "bob"}
    assert load_model(tmp_path / "run").targets == ("alice", "bob")
    with pytest.raises(FacesetError, match="found a pack"):
        open_runs([tmp_path / "run"], "cpu")


@pytest.mark.parametrize(
    ("faces", "held_out", "measured"),
    [(40, 0, set()), (9, 0.05, {"alice"})],
    ids=["none wanted", "too few"],
)
def test_packs_without_held_out_faces_are_trained_on(
    make_faceset, tmp_path, faces, held_out, measured
):
    alice = make_faceset(tmp_path / "faces" / "alice")
    bob = Faceset.open(make_faceset(tmp_path / "faces" / "bob", faces=faces))
    Packing(bob, tmp_path / "bob", 10).run()
    result = run_training(
        config(2, f"data.held_out={held_out}"),
        {"alice": [alice], "bob": [tmp_path / "bob"]},
        tmp_path / "run",
    )
    assert result.step == 2
    assert set(result.quality) == measured


def test_other_tar_files_are_not_resumed_from(folder, named, tmp_path):
    run_training(config(2), named, tmp_path / "run")
    image = next((folder / "others" / "bob" / "images").iterdir())
    image.write_bytes(next((folder / "others" / "dan" / "images").iterdir()).read_bytes())
    shutil.rmtree(folder / "packs" / "bob")
    Packing(Faceset.open(folder / "others" / "bob"), folder / "packs" / "bob", 10).run()
    with pytest.raises(TrainingError, match="crowd has other content"):
        run_training(config(4), named, tmp_path / "run")
    assert run_training(config(4), named, tmp_path / "run", allow_changes=True).step == 4


def test_the_pack_of_a_target_is_not_another_person(folder):
    packed = {"alice": [folder / "others" / "bob"], CROWD: [folder / "packs" / "bob"]}
    with pytest.raises(IdentityError, match="different faces"):
        open_facesets(packed, 4)
    same = {"alice": [folder / "packs" / "bob"], CROWD: [folder / "packs" / "bob"]}
    with pytest.raises(IdentityError, match="different faces"):
        open_facesets(same, 4)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.match=0.5", "data.match=0, found 0.5"),
        ("data.balance_sources=true", "data.balance_sources=false, found True"),
        ("data.skip_blurred=0.1", "data.skip_blurred=0"),
        ("augmentation.landmark_warp=0.1", "augmentation.landmark_warp=0"),
        ("model.name=anchored", "shows real crops"),
    ],
)
def test_what_compares_faces_is_refused_before_any_work(named, tmp_path, override, said):
    with pytest.raises(ConfigError, match=said) as caught:
        run_training(config(2, override, "augmentation.flip=0"), named, tmp_path / "run")
    assert "faces unpack" in caught.value.hint
    assert not (tmp_path / "run" / "cache").exists()


@pytest.fixture
def batches(named, tmp_path):
    stream = FaceStream.of_packs(
        [Pack.open(place) for place in named[CROWD]],
        CropGeometry(16, 1.25, 24),
        tmp_path / "cache" / "crowd-shards",
        30,
    )
    plan = BatchPlan(0, 8, WarpRanges(), colour_transfer=0.5)
    return FaceBatches({"a": stream, "b": stream}, {n: np.arange(156) for n in "ab"}, plan)


def crops(batches, steps):
    return torch.stack([batches[step].crops for step in range(steps)])


def test_workers_and_processes_see_the_same_faces(batches):
    expected = crops(batches, 24)  # through all windows
    loaded = islice(load_ahead(replace(batches), count(), 2), 24)
    assert torch.equal(torch.stack([raw.crops for raw in loaded]), expected)
    ranks = [
        crops(replace(batches, plan=replace(batches.plan, rank=rank, world_size=2)), 24)
        for rank in (1, 0)
    ]
    assert torch.equal(torch.cat(ranks[::-1], 2), expected)


@pytest.mark.slow
def test_two_processes_train_from_packs_as_one(processes, folder, tmp_path):
    recipe = {
        "model": {"name": "small", "options": {"size": 32}},
        "data": {"window": 24, "minimum": 4},
        "augmentation": {"colour_transfer": 0.5},
        "optimizer": {"name": "muon", "lr": 1e-4},
        "training": {"batch": 4, "steps": 14, "precision": "fp32", "device": "cpu"},
        "output": {"log_every": 1},
    }
    faces = {"alice": [folder / "faces" / "alice"], "bob": [folder / "packs" / "bob"]}
    one = processes.losses(recipe, faces, tmp_path, 1)
    two = processes.losses(recipe, faces, tmp_path, 2)
    for name, losses in one.items():
        assert len(losses) == 14  # bob has 38 training faces: the second epoch has begun
        assert two[name] == pytest.approx(losses, abs=1e-4)


def test_an_error_in_a_worker_names_the_tar_file(batches, folder):
    (folder / "packs" / "dan" / "dan-000003.tar").unlink()
    with pytest.raises(FacesetError, match=r"^\S+dan-000003.tar is missing.$") as caught:
        list(islice(load_ahead(batches, count(), 2), 24))
    assert "faces pack" in caught.value.hint
