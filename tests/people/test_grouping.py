import cv2
import numpy as np
import pytest

from faceswap.core.seeding import generator
from faceswap.media.images import read_image
from faceswap.people import grouping
from faceswap.people.grouping import find_groups, group_people
from faceswap.recognizers import build_recognizer
from faceswap.tracking.finder import build_tracker


def people(count: int, each: int, spread: float = 0.5) -> np.ndarray:
    """Unit embeddings of so many people, ``(count * each, 16)``, person by person."""
    random = generator(0, "people")
    centres = np.linalg.qr(random.normal(size=(16, 16)))[0][:count]
    samples = np.repeat(centres, each, 0) + spread * random.normal(size=(count * each, 16)) / 4
    return samples / np.linalg.norm(samples, axis=1, keepdims=True)


def plain_average_linkage(embeddings: np.ndarray, weights: list[float], threshold: float) -> list:
    """Average linkage as its definition says, over all pairs."""
    groups = [[i] for i in range(len(embeddings))]

    def similarity(one: list[int], other: list[int]) -> float:
        pairs = [(a, b) for a in one for b in other]
        share = [weights[a] * weights[b] for a, b in pairs]
        return float(np.average([embeddings[a] @ embeddings[b] for a, b in pairs], weights=share))

    while len(groups) > 1:
        found = max(
            (similarity(a, b), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups)
            if i < j
        )
        if found[0] < threshold:
            break
        groups[found[1]] += groups.pop(found[2])
    return sorted(sorted(group) for group in groups)


def as_sets(numbers: list[int]) -> list[list[int]]:
    return sorted([i for i, n in enumerate(numbers) if n == group] for group in set(numbers))


def test_each_group_is_one_person_in_order_of_appearance():
    found = group_people(people(6, 5), [1.0] * 30, [None] * 30)
    assert found == np.repeat(np.arange(6), 5).tolist()


def test_it_is_average_linkage_weighted_by_faces():
    # So far apart that nothing is joined before the search for the most similar pair.
    embeddings = people(4, 6, spread=0.9)
    weights = [1.0 + i % 5 for i in range(24)]
    for threshold in (0.3, 0.42, 0.6):
        found = group_people(embeddings, weights, [None] * 24, threshold)
        assert as_sets(found) == plain_average_linkage(embeddings, weights, threshold)


def test_names_hold_groups_together_and_apart():
    embeddings = people(2, 4, spread=0.2)
    names = [None] * 8
    assert len(set(group_people(embeddings, [1.0] * 8, names))) == 2
    apart = group_people(embeddings, [1.0] * 8, ["ann", "eve", *names[2:]])
    assert apart[0] != apart[1]
    together = group_people(embeddings, [1.0] * 8, ["ann", *names[1:7], "ann"])
    assert together[0] == together[7]
    # A name does not pull in others who do not look alike.
    assert sorted(set(group_people(embeddings, [1.0] * 8, ["ann", *names[1:]]))) == [0, 1]


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one(count):
    found = group_people(people(1, 1)[:count], [1.0] * count, [None] * count)
    assert found == [0] * count


def test_a_name_holds_together_who_looks_different():
    embeddings = people(3, 4, spread=0.2)
    # The first person as "ann" with and without a beard: close to two groups that differ.
    names = ["ann", None, None, None, "ann", None, None, None, *[None] * 4]
    assert group_people(embeddings, [1.0] * 12, names) == [0] * 8 + [1] * 4


def dense_average_linkage(
    embeddings: np.ndarray, weights: list[float], names: list, threshold: float
) -> list[list[int]]:
    """The two most similar groups of all are merged, one pair at a time."""
    means, masses, known = embeddings.astype(np.float64), np.array(weights), list(names)
    members: list[list[int]] = [[i] for i in range(len(names))]
    while True:
        similar = means @ means.T
        for i, name in enumerate(known):
            apart = [j for j, other in enumerate(known) if name and other and name != other]
            similar[i, [i, *apart]] = -np.inf
        first, second = sorted(divmod(int(similar.argmax()), len(means)))
        if similar[first, second] < threshold:
            break
        both = masses[[first, second]]
        means[first] = both @ means[[first, second]] / both.sum()
        masses[first], known[first] = both.sum(), known[first] or known[second]
        members[first] += members.pop(second)
        known.pop(second)
        means, masses = np.delete(means, second, 0), np.delete(masses, second)
    named = {name: [i for i, other in enumerate(known) if other == name] for name in {*known}}
    joined = [[m for i in named[name] for m in members[i]] for name in named if name]
    return sorted(sorted(group) for group in joined + [members[i] for i in named.get(None, [])])


def crowd(count: int, seed: int) -> tuple[np.ndarray, list[float], list[str | None]]:
    """Tracks of a third as many people, of whom two have names; no two tracks are nearly equal."""
    random = generator(seed, "crowd")
    who = random.integers(0, count // 3, count)
    centres, other = random.normal(size=(count // 3, 24))[who], random.normal(size=(count, 24))
    unit = [
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (centres, other)
    ]
    tracks = np.sqrt(0.55) * unit[0] + np.sqrt(0.45) * unit[1]
    tracks /= np.linalg.norm(tracks, axis=1, keepdims=True)
    similar = np.triu(tracks @ tracks.T, 1)
    tracks = tracks[(similar < 0.74).all(axis=0)]
    names = [{0: "ann", 1: "eve"}.get(int(i)) for i in random.integers(0, 12, len(tracks))]
    return tracks, random.integers(1, 40, len(tracks)).astype(float).tolist(), names


@pytest.mark.parametrize("threshold", [0.6, 0.42, 0.2, -1.0])
@pytest.mark.parametrize("pairs", [2_000_000, 20])
def test_merging_all_pairs_at_once_is_average_linkage(threshold, pairs, monkeypatch):
    monkeypatch.setattr(grouping, "_PAIRS", pairs)  # few: the most similar ones are merged first
    tracks, weights, names = crowd(160, seed=1)
    for known in (names, [None] * len(names)):
        found = group_people(tracks, weights, known, threshold)
        assert as_sets(found) == dense_average_linkage(tracks, weights, known, threshold)


@pytest.mark.parametrize("threshold", [0.6, 0.42])
def test_approximate_neighbours_give_the_same_people(threshold):
    tracks, weights, names = crowd(900, seed=2)
    exact = find_groups(tracks, weights, names, threshold)
    found = find_groups(tracks, weights, names, threshold, exact_up_to=0)
    assert found.groups == exact.groups
    assert (exact.approximate, found.approximate) == (False, True)
    assert len(set(exact.groups)) > 100


def test_the_index_begins_where_all_groups_are_no_longer_compared():
    embeddings = people(4, 300, spread=0.2)
    mixed = np.concatenate([embeddings[i::300] for i in range(300)])
    weights, names = [1.0] * 1200, [None] * 1200
    assert not find_groups(mixed, weights, names, exact_up_to=4).approximate
    found = find_groups(mixed, weights, names, exact_up_to=3)
    assert found.approximate
    assert found.groups == list(range(4)) * 300


def test_repeated_runs_give_the_same_groups():
    # So similar to others that the neighbours matter.
    tracks, weights, names = crowd(700, seed=3)
    runs = [find_groups(tracks, weights, names, 0.3, exact_up_to=0).groups for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]


def test_approximate_neighbours_respect_names():
    embeddings = people(2, 4, spread=0.2)
    names = ["ann", "eve", None, None, "ann", None, None, None]
    found = find_groups(embeddings, [1.0] * 8, names, exact_up_to=0).groups
    assert found[0] == found[4] == found[5]  # the people look different
    assert found[0] != found[1]


@pytest.mark.slow
@pytest.mark.usefixtures("shared_weights")
def test_photos_are_grouped_by_person(shared_data):
    """AT&T's photographs: purity and recall are 1 at the default threshold."""
    network, tracker = build_recognizer(), build_tracker()
    embeddings, truth = [], []
    for person in sorted((shared_data / "orl_faces").iterdir())[:12]:
        for file in sorted(person.iterdir())[:6]:
            grey = cv2.resize(read_image(file), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            image = np.asarray(
                cv2.copyMakeBorder(grey, 80, 80, 80, 80, cv2.BORDER_REPLICATE), np.uint8
            )
            (face, *_) = tracker.find_faces(image)
            embeddings += list(network([image], [face.landmarks.points]))
            truth.append(person.name)
    found = group_people(np.stack(embeddings), [1.0] * len(truth), [None] * len(truth))
    assert as_sets(found) == as_sets([sorted(set(truth)).index(name) for name in truth])
