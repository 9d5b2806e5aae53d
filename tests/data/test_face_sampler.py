"""Options of sampling and augmentation in whole batches."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from faceswap.data.balance import Balance
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.batches import FaceBatches, load_ahead, prepare
from faceswap.data.cache import CHANNELS, CropGeometry, FaceCache
from faceswap.data.recolouring import transfer_names
from faceswap.data.traits import FaceTraits
from faceswap.data.warp import WarpRanges, undo_affine
from faceswap.geometry.mean_face import MEAN_FACE

NAMES = ("alice", "bob", "carol")
GEOMETRY = CropGeometry(size=32, coverage=1.25, side=40)
STILL = BatchPlan(0, 8, WarpRanges(0, 0, 0, 0, 0), photometric=0.0)
FACES = 24
EVERYTHING = {
    "photometric": 1.0,
    "light": 1.0,
    "colour_transfer": 0.5,
    "colour_method": "mkl",
    "match": 0.5,
    "match_pose": 1.0,
    "flips": {"alice": 0.5},
    "balance": Balance(1.0, 1.0, sources=True, sharpness=1.0, skip_blurred=0.1),
    "clahe": 0.5,
    "degradation": 1.0,
    "landmark_warp": 0.5,
}


def traits(seed: int, width: float) -> FaceTraits:
    random = np.random.default_rng(seed)
    landmarks = np.tile(MEAN_FACE[:, :2] * (width, 1), (FACES, 1, 1))
    return FaceTraits(
        landmarks.astype(np.float32),
        random.standard_normal((FACES, 104)).astype(np.float32),
        random.uniform(-30, 30, (FACES, 2)).astype(np.float32),
        random.uniform(0, 0.1, (FACES, 2)).astype(np.float32),
        random.uniform(200, 900, FACES).astype(np.float32),
        random.integers(0, 2, FACES),
        np.zeros(FACES, np.int64),
    )


@pytest.fixture
def batches(tmp_path):
    caches = {}
    for shade, name in enumerate(NAMES):
        random = np.random.default_rng(shade)
        coarse = random.integers(40, 150 + 30 * shade, (FACES, 10, 10, CHANNELS))
        faces = np.stack([cv2.resize(each.astype(np.uint8), (40, 40)) for each in coarse])
        faces[..., 3] = 255
        np.save(tmp_path / f"{name}.npy", faces)
        caches[name] = FaceCache(tmp_path / f"{name}.npy", GEOMETRY)
    training = {name: np.arange(FACES) for name in NAMES}
    measured = {name: traits(i, 1 + 0.1 * i) for i, name in enumerate(NAMES)}
    return FaceBatches(caches, training, STILL, traits=measured)


def with_plan(batches, **changes):
    return replace(batches, plan=replace(batches.plan, **changes))


def tensors(raw):
    """All tensors of a batch by name; those of the recolouring by identity and slot."""
    found = {name: value for name, value in raw._asdict().items() if torch.is_tensor(value)}
    if raw.recolouring is not None:
        chosen = raw.recolouring.chosen
        parameters = torch.zeros(*chosen.shape, raw.recolouring.parameters.shape[1])
        parameters[chosen] = raw.recolouring.parameters
        found |= {"chosen": chosen, "parameters": parameters}
    return found


def prepared(batches, step=0):
    return prepare(batches[step], torch.device("cpu"), (32, 32), GEOMETRY.margin)


@pytest.mark.parametrize(("world_size", "micro_batches"), [(2, 1), (1, 2), (2, 2)])
def test_any_number_of_processes_samples_the_same_faces_and_changes(
    batches, world_size, micro_batches
):
    everything = with_plan(batches, ranges=WarpRanges(), **EVERYTHING)
    whole = tensors(everything[3])
    assert len(whole) == 10
    pieces = [
        tensors(
            with_plan(everything, rank=rank, world_size=world_size, micro_batches=micro_batches)[
                3 * micro_batches + number
            ]
        )
        for rank in range(world_size)
        for number in range(micro_batches)
    ]
    for name, value in whole.items():
        joined = torch.cat([piece[name] for piece in pieces], 1)
        torch.testing.assert_close(joined, value, atol=1e-5, rtol=0, msg=name)


def test_worker_processes_sample_the_same(batches):
    everything = with_plan(batches, ranges=WarpRanges(), **EVERYTHING)
    loaded = list(load_ahead(everything, range(2), workers=1))
    for step, raw in enumerate(loaded):
        for name, value in tensors(with_plan(everything)[step]).items():
            assert torch.equal(tensors(raw)[name], value), name


def mirrored(raw):
    """Fraction of the mirrored faces of each identity."""
    linear = raw.affine[..., :2]
    return (torch.linalg.det(linear) < 0).float().mean(1).tolist()


def test_identities_are_mirrored_as_often_as_each_of_them_says(batches):
    plan = {"flips": {"alice": 0.5, "bob": 1.0}, "ranges": STILL.ranges}
    found = np.mean([mirrored(with_plan(batches, **plan)[step]) for step in range(40)], 0)
    assert 0.4 < found[0] < 0.6
    assert found[1:].tolist() == [1.0, 0.0]


def test_matched_pairs_are_mirrored_only_if_all_may_be(batches):
    plan = {"match": 1.0, "ranges": replace(STILL.ranges, flip=1.0)}
    assert mirrored(with_plan(batches, **plan)[0]) == [1.0] * 3
    assert mirrored(with_plan(batches, **plan, flips={"bob": 0.0})[0]) == [0.0] * 3


def test_degraded_inputs_leave_the_targets_as_they_are(batches):
    clean, degraded = prepared(batches), prepared(with_plan(batches, degradation=1.0))
    for name in ("target", "mask", "features"):
        assert torch.equal(getattr(degraded, name), getattr(clean, name))
    changes = (degraded.distorted - clean.distorted).abs().mean((2, 3, 4)).flatten()
    assert 4 < (changes > 0.01).sum() < 20  # of 24
    assert (degraded.distorted - clean.distorted).abs().max() > 0.1


def test_degraded_inputs_have_the_colours_and_the_light_of_the_targets(batches):
    coloured = {"colour_transfer": 1.0, "light": 1.0}
    for method in ("linear", "mean"):
        plan = {**coloured, "colour_method": method}
        batch = prepared(with_plan(batches, **plan, degradation=0.01))
        change = (batch.distorted - batch.target).abs().mean()
        assert change < 0.03
        plain = prepared(batches)
        assert (batch.target - plain.target).abs().mean() > 0.05


@pytest.mark.parametrize("method", transfer_names())
def test_every_colour_transfer_changes_input_and_target_alike(batches, method):
    plan = {"colour_transfer": 1.0, "colour_method": method}
    batch = prepared(with_plan(batches, **plan))
    torch.testing.assert_close(batch.distorted, batch.target, atol=1e-5, rtol=0)
    changed = (batch.target - prepared(batches).target).abs().mean((2, 3, 4))
    assert (changed > 0.001).all()


def test_warps_to_landmarks_leave_the_targets_as_they_are(batches):
    plain, warped = prepared(batches), prepared(with_plan(batches, landmark_warp=1.0))
    assert torch.equal(warped.target, plain.target)
    assert torch.equal(warped.mask, plain.mask)
    assert ((warped.distorted - plain.distorted).abs().mean((2, 3, 4)) > 0.01).all()


@pytest.mark.parametrize("match", [0.0, 1.0])
def test_turned_and_mirrored_inputs_have_the_landmarks_of_another(tmp_path, match):
    # The channels of these faces are the coordinates of their training square.
    side, size = 256, 128
    geometry = CropGeometry(size=size, coverage=1.25, side=side)
    steps = (2 * np.arange(side) + 1) / side - 1
    coordinates = geometry.margin * np.stack(np.meshgrid(steps, steps), 2)
    faces = np.zeros((FACES, side, side, CHANNELS), np.uint8)
    faces[..., :2] = np.rint(127.5 + 60 * coordinates)
    np.save(tmp_path / "faces.npy", faces)
    cache = FaceCache(tmp_path / "faces.npy", geometry)
    names = NAMES[:2]
    measured = {name: traits(i, 1 + 0.12 * i) for i, name in enumerate(names)}
    plan = replace(STILL, ranges=WarpRanges(45, 0.05, 0.05, 0.5, 0), match=match, landmark_warp=1.0)
    sampled = FaceBatches(
        dict.fromkeys(names, cache),
        {name: np.arange(FACES) for name in names},
        plan,
        traits=measured,
    )
    raw = sampled[0]
    batch = prepare(raw, torch.device("cpu"), (size, size), geometry.margin)
    determinants = torch.linalg.det(raw.affine[..., :2])
    assert (determinants < 0).any()
    assert (determinants > 0).any()
    assert raw.affine[..., 1, 0].abs().max() > 0.5  # turned by more than 30 degrees
    marks = {name: torch.from_numpy(each.landmarks[0] * 1.6) for name, each in measured.items()}
    for own, other, shown, affine in zip(
        names, names[::-1], batch.distorted, raw.affine, strict=True
    ):
        wanted = undo_affine(marks[other].expand(8, -1, -1), affine)
        found = F.grid_sample(shown[:, :2], wanted[:, None], align_corners=False)[:, :, 0].mT
        inside = (wanted.abs() < 0.9).all(2)
        places = (found * 255 - 127.5) / 60
        errors = (places - marks[own]).norm(dim=2)[inside]
        assert (marks[own] - marks[other]).norm(dim=1).max() > 0.08
        assert errors.mean() < 0.008
        assert errors.max() < 0.03


@pytest.mark.parametrize("match_pose", [0.0, 0.5])
def test_matched_pairs_have_no_skipped_faces(batches, match_pose):
    skipped = with_plan(
        batches, match=1.0, match_pose=match_pose, balance=Balance(skip_blurred=0.5)
    )
    sampler = skipped._sampler
    for name in NAMES:
        blurred = set(np.argsort(batches.traits[name].sharpness)[: FACES // 2].tolist())
        seen = {sampler.face(name, step, slot) for step in range(30) for slot in range(8)}
        assert len(seen) > 6
        assert not seen & blurred


def test_matches_come_as_often_as_their_weights_say(batches):
    # All faces of bob are the same but for their source: one face of the first, many of the other.
    bob = batches.traits["bob"]
    same = replace(
        bob,
        expressions=np.zeros_like(bob.expressions),
        sources=(np.arange(FACES) > 0).astype(np.int64),
    )
    balanced = replace(
        with_plan(batches, match=1.0, balance=Balance(sources=True)),
        traits=batches.traits | {"bob": same},
        matches={(a, b): np.tile([0, 5, 9], (FACES, 1)) for a in NAMES for b in NAMES if a != b},
    )
    sampler = balanced._sampler
    # The slots that bob does not lead.
    seen = [
        sampler.face("bob", step, slot)
        for step in range(100)
        for slot in range(8)
        if (step + slot) % 3 != 1
    ]
    assert set(seen) == {0, 5, 9}
    assert seen.count(0) / len(seen) == pytest.approx(23 / 25, abs=0.04)


def test_lent_colours_come_as_often_as_their_faces(batches):
    plain = with_plan(batches, colour_transfer=1.0, colour_method="mkl")
    skipped = replace(plain, plan=replace(plain.plan, balance=Balance(skip_blurred=0.5)))
    crops = {name: batches.sources[name].open() for name in NAMES}
    places = {
        crop.tobytes(): (name, place) for name in NAMES for place, crop in enumerate(crops[name])
    }
    blurred = {
        (name, int(place))
        for name in NAMES
        for place in np.argsort(batches.traits[name].sharpness)[: FACES // 2]
    }
    lent = [
        {
            places[np.asarray(each._sampler.lender("alice", step, slot)).tobytes()]
            for step in range(20)
            for slot in range(8)
        }
        for each in (plain, skipped)
    ]
    assert lent[0] & blurred
    assert {name for name, _ in lent[0]} == {"bob", "carol"}
    assert len(lent[1]) > 12
    assert not lent[1] & blurred


def test_the_narrowest_face_is_warped_to_wider_ones(batches):
    raw = with_plan(batches, landmark_warp=1.0)[0]
    # Wider landmarks show what lies farther inside: left of the middle displacements point right.
    across = raw.reshaping[0, :, 0, 6, 3:10]
    assert (across[:, :3] > 0).all()
    assert (across[:, 4:] < 0).all()


def test_only_some_faces_are_warped(batches):
    raw = with_plan(batches, landmark_warp=0.3)[0]
    moved = raw.reshaping.flatten(2).abs().sum(2) > 0
    assert 2 <= moved.sum() <= 14  # of 24


def test_a_balance_changes_which_faces_come_and_nothing_else(batches):
    skipped = with_plan(batches, balance=Balance(skip_blurred=0.5))
    original = {name: batches.sources[name].open() for name in NAMES}
    for row, name in enumerate(NAMES):
        sharp = set(np.argsort(batches.traits[name].sharpness)[FACES // 2 :].tolist())
        seen = set()
        for step in range(6):
            for crop in skipped[step].crops[row].numpy():
                same = (original[name] == crop).all((1, 2, 3))
                seen.add(int(same.argmax()))
                assert same.any()
        assert seen == sharp


def test_local_contrast_is_equalised_in_input_and_target(batches):
    batch = prepared(with_plan(batches, clahe=1.0))
    torch.testing.assert_close(batch.distorted, batch.target, atol=1e-5, rtol=0)
    assert (batch.target - prepared(batches).target).abs().mean() > 0.01
