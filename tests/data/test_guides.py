from collections import Counter
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from faceswap.core.seeding import generator
from faceswap.data.batches import BatchPlan, FaceBatches, load_ahead, prepare
from faceswap.data.cache import CropGeometry, FaceCache
from faceswap.data.guides import GuideSource, best_guides, build_guide_source
from faceswap.data.references import cut_references, measure_geometry
from faceswap.data.warp import WarpRanges
from faceswap.facesets.faceset import Faceset
from faceswap.models.reference_choice import distances
from faceswap.models.references import References
from faceswap.training.inputs.guide_data import GuideData
from tests.meshes import add_meshes

EVERY = np.arange(96)


@pytest.fixture
def pairs(make_faceset, tmp_path):
    sets = [Faceset.open(add_meshes(make_faceset(tmp_path / name))) for name in ("a", "b")]
    return [(faceset, face) for faceset in sets for face in faceset.trainable()]


def sampled(source, face, times=300):
    return [source.sample(face, generator(0, face, number)) for number in range(times)]


def test_neighbours_in_time_are_never_shown(pairs):
    geometry = measure_geometry(pairs, EVERY, 1.25)
    chosen = np.arange(0, 96, 3)
    source = build_guide_source(pairs, geometry, chosen)
    for face in (0, 20, 47, 48, 70):
        shown = chosen[np.concatenate([references for references, _ in sampled(source, face)])]
        same = shown // 48 == face // 48
        assert np.abs(shown[same] - face).min(initial=99) > 15
        assert (~same).any()
        # Any other may come, and the nearest ones come often.
        allowed = (chosen // 48 != face // 48) | (np.abs(chosen - face) > 15)
        assert set(shown) == set(chosen[allowed])


def test_near_references_come_more_often(pairs):
    geometry = measure_geometry(pairs, EVERY, 1.25)
    source = build_guide_source(pairs, geometry, EVERY)
    counts = Counter(int(r) for references, _ in sampled(source, 20) for r in references[:2])
    nearest = source.ranked[0, 20, :5]
    assert sum(counts[int(r)] for r in nearest) > 0.5 * sum(counts.values())


def from_source(pairs, **changes):
    """The faces with facesets of another source."""
    sources = {
        faceset.path: replace(
            faceset, record={**faceset.record, "source": {**faceset.record["source"], **changes}}
        )
        for faceset, _ in pairs
    }
    return [(sources[faceset.path], face) for faceset, face in pairs]


def test_photos_have_no_neighbours(pairs):
    photos = from_source(pairs, kind="images")
    source = build_guide_source(photos, measure_geometry(pairs, EVERY, 1.25), EVERY)
    assert (source.counts == 95).all()  # all but the face itself
    photos = from_source(pairs, kind="images", sha256="0" * 64)
    source = build_guide_source(photos, measure_geometry(pairs, EVERY, 1.25), EVERY)
    assert (source.counts == 94).all()  # the same picture in the other faceset neither


def test_facesets_of_one_source_are_the_same_footage(pairs):
    same = from_source(pairs, sha256="0" * 64)
    source = build_guide_source(same, measure_geometry(pairs, EVERY, 1.25), EVERY)
    for face in (5, 20, 60):
        apart = np.abs(EVERY % 48 - face % 48)
        assert source.allowed(face).tolist() == EVERY[apart > 15].tolist()


@pytest.mark.parametrize(("rate", "nearest"), [(10, 16), (30, 16), (60, 31), (100, 48)])
def test_neighbours_are_those_of_half_a_second_or_15_frames(pairs, rate, nearest):
    pairs = [(faceset, replace(face, time=face.frame / rate)) for faceset, face in pairs]
    source = build_guide_source(pairs, measure_geometry(pairs, EVERY, 1.25), EVERY)
    assert source.allowed(0).tolist() == [*range(nearest, 48), *range(48, 96)]


def test_a_face_among_neighbours_only_is_shown_the_farthest(pairs):
    few = pairs[:10]
    geometry = measure_geometry(few, np.arange(10), 1.25)
    source = build_guide_source(few, geometry, np.array([0, 4, 9]))
    assert {int(r) for references, _ in sampled(source, 1, 20) for r in references} == {2}


def test_weights_of_a_half_add_up_and_are_often_one(pairs):
    source = build_guide_source(pairs, measure_geometry(pairs, EVERY, 1.25), EVERY)
    weights = np.stack([w for _, w in sampled(source, 5)])
    np.testing.assert_allclose(weights.reshape(-1, 2, 2).sum(2), 1, atol=1e-6)
    alone = np.isin(weights[:, 0], (0, 1))
    assert 0.4 < alone.mean() < 0.6
    # Conversion uses both slots.
    assert 0.3 < weights[alone, 0].mean() < 0.7
    assert 0.4 < weights[~alone, 0].mean() < 0.6


def test_the_best_guides_of_a_reference_are_itself(pairs):
    geometry = measure_geometry(pairs, EVERY, 1.25)
    chosen = np.array([1, 3, 5, 7, 62])  # other mouths each, and the eyes of the last two closed
    references = References()
    references.fill(cut_references(pairs, chosen, geometry, 32, 1.25))
    found = best_guides(geometry.of(chosen), references)
    assert found.references[:, 2:].tolist() == [[i] * 2 for i in range(5)]
    assert (found.references[:3, :2] < 3).all()
    assert (found.references[3:, :2] >= 3).all()
    assert found.weights.tolist() == [[1, 0, 1, 0]] * 5
    torch.testing.assert_close(found.shape, references.meshes, atol=1e-5, rtol=0)


def test_faces_decoded_as_their_own_identity_are_not_shown_their_neighbours(pairs):
    geometry = measure_geometry(pairs, EVERY, 1.25)
    chosen = np.arange(0, 96, 3)
    references = References()
    references.fill(cut_references(pairs, chosen, geometry, 32, 1.25))
    source = build_guide_source(pairs, geometry, chosen)
    data = GuideData({"a": geometry, "b": geometry}, {"a": references, "b": references}, {})
    data = replace(data, sources={"a": source, "b": source})
    held_out = np.array([21, 40, 70])
    found = data.best("a", held_out)
    for face, own, other in zip(
        held_out, found["a"].references.numpy(), found["b"].references.numpy(), strict=True
    ):
        gaps = np.abs(chosen % 48 - face % 48)[own]
        assert ((gaps > 15) | (chosen[own] // 48 != face // 48)).all()
        # Each half is shown the nearest reference; several may be.
        allowed = source.allowed(face)
        for half, shown in enumerate(geometry.describe()):
            apart = distances(shown[[face]], shown[chosen])[0]
            assert apart[own[2 * half]] == pytest.approx(apart[allowed].min(), abs=1e-4)
            assert apart[other[2 * half]] == pytest.approx(apart.min(), abs=1e-4)


@pytest.fixture
def batches(tmp_path):
    """Faces whose crop shows a dot where the first point of their mesh is."""
    geometry, random = CropGeometry(32, 1.25, 48), np.random.default_rng(0)
    caches, guides = {}, {}
    for name in ("alice", "bob"):
        faces = np.zeros((20, 48, 48, 6), np.uint8)
        places = random.integers(16, 32, (20, 2))
        for face, (x, y) in zip(faces, places, strict=True):
            face[y, x, 4] = 255
        np.save(tmp_path / f"{name}.npy", faces)
        caches[name] = FaceCache(tmp_path / f"{name}.npy", geometry)
        meshes = np.zeros((20, 478, 2), np.float32)
        meshes[:, 0] = (2 * places + 1) / 48 * 1.5 - 1.5
        ranked = random.permuted(np.tile(np.arange(6, dtype=np.int16), (2, 20, 1)), axis=2)
        guides[name] = GuideSource(meshes, ranked, np.full(20, 4))
    training = dict.fromkeys(caches, np.arange(20))
    plan = BatchPlan(0, 8, WarpRanges(20, 0.2, 0.1, 0, 0.03))
    return FaceBatches(caches, training, plan, guides=guides)


def test_meshes_follow_the_affine_change_of_the_target(batches):
    batch = prepare(batches[0], torch.device("cpu"), (64, 64), 1.5)
    assert batch.guides is not None
    steps = (torch.arange(64) * 2 + 1) / 64 - 1
    for dot, point in zip(
        batch.features.flatten(0, 1)[:, 0], batch.guides.shape.flatten(0, 1)[:, 0], strict=True
    ):
        centre = torch.stack([(dot.sum(0) * steps).sum(), (dot.sum(1) * steps).sum()]) / dot.sum()
        torch.testing.assert_close(point, centre, atol=0.02, rtol=0)


def test_guides_are_a_pure_function_of_their_number_and_slot(batches):
    whole, again = batches[3].guides, replace(batches)[3].guides
    assert whole is not None
    assert again is not None
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
    parts = [
        replace(batches, plan=replace(batches.plan, rank=rank, world_size=2))[3].guides
        for rank in range(2)
    ]
    joined = [torch.cat(part, 1) for part in zip(*parts, strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(whole, joined, strict=True))


def test_worker_processes_sample_the_same(batches):
    loaded = load_ahead(replace(batches), count(3), workers=1)
    guides, expected = next(loaded).guides, batches[3].guides
    loaded.close()
    assert guides is not None
    assert expected is not None
    assert all(torch.equal(a, b) for a, b in zip(guides, expected, strict=True))


def test_guides_leave_the_rest_of_the_batch_alone(batches):
    with_guides, without = batches[2], replace(batches, guides={})[2]
    assert without.guides is None
    for one, other in zip(with_guides[:5], without[:5], strict=True):
        assert torch.equal(one, other)
