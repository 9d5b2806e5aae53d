import cv2
import numpy as np
import pytest

from faceswap.core.seeding import generator
from faceswap.media.images import read_image
from faceswap.people.grouping import group_people
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
