from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from classifier.data import IGNORE_INDEX
from classifier.data.augmentation import _OPERATIONS, Augmentation, SampleAugmenter
from faceswap.core.seeding import generator

KINDS = {
    "crop": Augmentation(crop=0.3),
    "rotate": Augmentation(rotate=30),
    "colour": Augmentation(colour=0.7),
    "erase": Augmentation(erase=1.0),
    "randaugment": Augmentation(policy="randaugment", operations=3, magnitude=0.6),
    "trivial": Augmentation(policy="trivial"),
    "strokes": Augmentation(strokes=1.0),
    "degrade": Augmentation(degrade=0.5),
}


def photo(channels: int = 3, size: int = 40) -> np.ndarray:
    """Smooth image from dark to light, which every augmentation changes."""
    y, x = np.mgrid[:size, :size] / size
    planes = [x, y, (x + y) / 2][:channels]
    return np.stack([40 + 180 * plane for plane in planes]).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pure_function_of_the_generator(kind: str, channels: int) -> None:
    change, image = SampleAugmenter(KINDS[kind], (24, 24)), photo(channels, 24)
    before = image.copy()
    results = [change(image, None, generator(0, n))[0] for n in range(30)]
    assert {result.shape for result in results} == {(channels, 24, 24)}
    assert {result.dtype for result in results} == {np.dtype(np.uint8)}
    assert np.array_equal(image, before)
    assert len({result.tobytes() for result in results}) > 12
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda n: change(image, None, generator(0, n))[0], range(30)))
    assert all(np.array_equal(a, b) for a, b in zip(results, threaded, strict=True))


def test_only_expensive_augmentations_use_threads() -> None:
    assert not Augmentation(flip=True, shift=4).slow
    assert all(kind.slow for kind in KINDS.values())


def test_random_crop_keeps_the_given_fraction() -> None:
    change = SampleAugmenter(Augmentation(crop=0.5), (20, 20))
    spans = []
    for n in range(50):
        image = change(photo(), None, generator(1, n))[0].astype(int)
        spans.append(np.ptp(image[0]) * np.ptp(image[1]) / 180**2)
    assert min(spans) > 0.4  # of the area; the edges lie between pixels
    assert max(spans) > 0.85


@pytest.mark.parametrize("kind", ["crop", "rotate", "trivial", "randaugment"])
def test_masks_are_augmented_with_their_images(kind: str) -> None:
    # Right half class 1, and as bright in the image: light changes keep the order.
    mask = np.zeros((32, 32), np.uint8)
    mask[:, 16:] = 1
    image = np.broadcast_to(60 + 120 * mask, (3, 32, 32)).astype(np.uint8)
    geometry = Augmentation(
        crop=KINDS[kind].crop, rotate=KINDS[kind].rotate, policy=KINDS[kind].policy
    )
    change = SampleAugmenter(geometry, (32, 32))
    moved = 0
    for n in range(40):
        out, labels = change(image, mask, generator(2, n))
        assert labels is not None
        assert set(np.unique(labels).tolist()) <= {0, 1, IGNORE_INDEX}
        moved += not np.array_equal(labels, mask)
        both = [out[0][labels == label].astype(float) for label in (0, 1)]
        if all(len(values) > 50 for values in both) and np.ptp(out[0]) > 100:
            # Apart from border pixels, the classes differ in brightness.
            medians = [np.median(values) for values in both]
            assert medians[0] != medians[1]
            nearer = [
                np.abs(values - medians[k]) <= np.abs(values - medians[1 - k])
                for k, values in enumerate(both)
            ]
            assert np.concatenate(nearer).mean() > 0.9
    assert moved > 5


def test_pixels_outside_the_image_are_ignored() -> None:
    mask = np.ones((32, 32), np.uint8)
    change = SampleAugmenter(Augmentation(rotate=45), (32, 32))
    counted = []
    for n in range(20):
        image, labels = change(photo(3, 32), mask, generator(3, n))
        assert labels is not None
        counted.append((labels == 1).mean())
        empty = image[:, labels == IGNORE_INDEX]
        assert empty.size == 0 or np.median(empty) == 128
    assert min(counted) < 0.9


def test_erased_pixels_are_ignored() -> None:
    mask = np.ones((32, 32), np.uint8)
    image = photo(3, 32)
    out, labels = SampleAugmenter(Augmentation(erase=1.0), (32, 32))(image, mask, generator(0))
    assert labels is not None
    hole = labels == IGNORE_INDEX
    assert 0.01 < hole.mean() < 0.4
    assert np.array_equal(out[:, ~hole], image[:, ~hole])
    assert not np.array_equal(out[:, hole], image[:, hole])


def test_random_erasing_probability() -> None:
    change = SampleAugmenter(Augmentation(erase=0.5), (32, 32))
    image = photo(3, 32)
    holes = [not np.array_equal(change(image, None, generator(4, n))[0], image) for n in range(200)]
    assert 75 <= sum(holes) <= 125


@pytest.mark.parametrize("augment", [Augmentation(background=0.5), Augmentation(occlude=0.5)])
def test_scenery_changes_as_often_as_asked_and_only_with_masks(augment: Augmentation) -> None:
    image, mask = photo(3, 32), np.ones((32, 32), np.uint8)
    mask[:, :8] = 0
    change = SampleAugmenter(augment, (32, 32))
    assert np.array_equal(change(image, None, generator(6))[0], image)
    changed = 0
    for n in range(100):
        out, labels = change(image, mask, generator(6, n))
        assert labels is not None
        assert set(np.unique(labels).tolist()) <= {0, 1}
        changed += not np.array_equal(out, image)
    assert 35 <= changed <= 65


def test_the_new_background_lies_beyond_the_turned_image() -> None:
    mask = np.ones((32, 32), np.uint8)
    change = SampleAugmenter(Augmentation(rotate=45, background=1.0), (32, 32))
    found = [change(photo(3, 32), mask, generator(7, n))[1] for n in range(20)]
    labels = np.stack([one for one in found if one is not None])
    assert set(np.unique(labels).tolist()) == {0, 1}


def test_degraded_images_lose_colour_or_detail() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    change = SampleAugmenter(Augmentation(degrade=1.0), (32, 32))
    for n in range(10):
        out, _ = change(noise, None, generator(8, n))
        assert np.array_equal(out[0], out[1])  # grey
        assert np.abs(np.diff(out[0].astype(int))).mean() < 60  # 85 before


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", _OPERATIONS)
def test_operations_scale_with_magnitude(name: str, wide: bool) -> None:
    image = np.ascontiguousarray(photo().transpose(1, 2, 0))

    def difference(level: float) -> float:
        transform = _OPERATIONS[name](level, wide)
        changed = image if transform is None else transform(image=image)["image"]
        return float(np.abs(changed.astype(int) - image).mean())

    for sign in (1, -1):
        weak, strong = difference(sign * 0.1), difference(sign * 1.0)
        if name == "identity":
            assert weak == strong == 0
        elif name in ("autocontrast", "equalize"):
            assert weak == strong > 0
        else:
            assert strong > weak >= 0
    if name not in ("autocontrast", "equalize", "solarize"):
        assert difference(0.0) <= 0.01


def test_both_policies_use_all_operations() -> None:
    for augment in (Augmentation(policy="randaugment"), Augmentation(policy="trivial")):
        change = SampleAugmenter(augment, (8, 8))
        for n in range(400):
            change(photo(3, 8), None, generator(5, n))
        built = change._own.transforms.built
        assert {name for name, _ in built} == set(_OPERATIONS)
        levels = {abs(level) for _, level in built}
        assert levels == {0.3} if augment.policy == "randaugment" else len(levels) > 25
