from dataclasses import replace

import numpy as np
import pytest

from faceswap.core.errors import ConfigError
from faceswap.data.sampling import face_at, rank_slots, split_facesets, split_held_out
from faceswap.facesets.faceset import Faceset


def test_held_out_faces_are_contiguous_blocks_of_frames():
    frames = list(range(200))
    training, aside = split_held_out(frames, 0.1)
    assert len(aside) == 20
    assert sorted([*training, *aside]) == frames
    starts = [f for f in aside if f - 1 not in aside]
    assert len(starts) == 4  # blocks of 5, spread over the footage
    assert np.diff(starts).tolist() == [50, 50, 50]


def test_all_faces_of_a_frame_are_on_one_side():
    frames = [frame for frame in range(100) for _ in range(2)][::-1]
    training, aside = split_held_out(frames, 0.08)
    assert not {frames[i] for i in training} & {frames[i] for i in aside}
    assert len(aside) == 16
    assert [frames[i] for i in aside] == sorted(frames[i] for i in aside)


def test_fraction_0_holds_out_nothing():
    training, aside = split_held_out(list(range(50)), 0.0)
    assert (len(training), len(aside)) == (50, 0)


def test_facesets_of_one_source_are_split_as_one(make_faceset, tmp_path):
    sets = [Faceset.open(make_faceset(tmp_path / name, size=16)) for name in "abc"]
    source = {**sets[0].record["source"], "name": "again"}
    sets[2] = replace(sets[2], record={**sets[2].record, "source": source})
    pairs = [(faceset, face) for faceset in sets for face in faceset.faces()]
    pairs = pairs[:-20]  # a deletion shifts the blocks of a faceset
    training, held_out = split_facesets(pairs, 0.2)
    assert sorted([*training, *held_out]) == list(range(len(pairs)))
    shown, reserved = (
        {(pairs[i][0].source_sha256, pairs[i][1].frame) for i in part}
        for part in (training, held_out)
    )
    assert not shown & reserved
    assert len(reserved) == 20  # a fifth of the frames of either source


def test_every_face_comes_once_before_any_comes_again():
    faces, batch = 10, 4
    sampled = [
        face_at(1, "alice", step, slot, batch, faces) for step in range(5) for slot in range(batch)
    ]
    assert sorted(sampled[:10]) == sorted(sampled[10:]) == list(range(10))
    assert sampled[:10] != sampled[10:]


def test_sampling_depends_on_seed_identity_step_and_slot_only():
    def draw(seed, name):
        return [face_at(seed, name, step, slot, 8, 100) for step in range(20) for slot in range(8)]

    assert draw(0, "alice") == draw(0, "alice")
    assert draw(0, "alice") != draw(1, "alice")
    assert draw(0, "alice") != draw(0, "bob")
    assert face_at(0, "alice", 17, 3, 8, 100) == draw(0, "alice")[17 * 8 + 3]


@pytest.mark.parametrize(("world_size", "micro_batches"), [(1, 1), (2, 1), (1, 4), (4, 2), (8, 1)])
def test_processes_and_micro_batches_split_the_batch(world_size, micro_batches):
    slots = [
        slot
        for rank in range(world_size)
        for number in range(micro_batches)
        for slot in rank_slots(16, rank, world_size, number, micro_batches)
    ]
    assert slots == list(range(16))


def test_an_indivisible_batch_is_rejected():
    with pytest.raises(ConfigError, match="batch of 16") as caught:
        rank_slots(16, 0, 3)
    assert "15 or 18" in caught.value.hint
