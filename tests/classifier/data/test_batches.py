from collections.abc import Callable

import numpy as np
import pytest
import torch

from classifier.data import Augmentation, Batch, BatchPlan, LoadedImages
from classifier.models.formats import InputFormat, normalise
from faceswap.core.errors import ConfigError

Make = Callable[..., LoadedImages]
ALL = Augmentation(
    flip=True, shift=2, crop=0.5, rotate=20, colour=0.5, policy="randaugment", erase=0.5
)


def epoch(plan: BatchPlan, data: LoadedImages, number: int = 0, first: int = 0) -> list[Batch]:
    return list(plan.epoch(data, number, first))


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)
        for a, b in zip(one, other, strict=True)
    )


def test_epoch_contains_each_image_once_in_random_order(loaded: Make) -> None:
    plan, data = BatchPlan(1, 4), loaded()
    assert plan.steps(data) == 5
    labels = [
        torch.cat([batch.labels for batch in plan.epoch(data, e)]).tolist() for e in (0, 0, 1)
    ]
    assert labels[0] == labels[1]
    assert labels[0] != labels[2]
    assert len(set(labels[0])) == 20


def test_images_match_their_labels(loaded: Make) -> None:
    data = loaded()
    for images, labels in BatchPlan(1, 4).epoch(data, 0):
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        assert np.array_equal(images.numpy(), data.images[labels.numpy()])


@pytest.mark.parametrize("augment", [Augmentation(flip=True, shift=2), ALL])
@pytest.mark.parametrize("masked", [False, True])
def test_processes_split_identical_batches(
    loaded: Make, augment: Augmentation, masked: bool
) -> None:
    masks = np.random.default_rng(1).integers(0, 3, (22, 20, 20), dtype=np.uint8)
    data = loaded(size=20, labels=masks if masked else None)
    alone = epoch(BatchPlan(1, 4, augment, 16), data, 3)
    assert alone[0].images.shape == (4, 3, 16, 16)
    assert alone[0].labels.shape == ((4, 16, 16) if masked else (4,))
    for rank in range(2):
        part = epoch(BatchPlan(1, 4, augment, 16, rank=rank, world_size=2), data, 3)
        wanted = [Batch(batch.images[rank::2], batch.labels[rank::2]) for batch in alone]
        assert same(part, wanted)


def test_epoch_can_start_at_any_step(loaded: Make) -> None:
    data = loaded(size=20)
    plan = BatchPlan(1, 4, ALL, 16)
    assert same(epoch(plan, data, 2, first=3), epoch(plan, data, 2)[3:])
    assert not same(epoch(plan, data, 2), epoch(plan, data, 1))
    assert not same(epoch(plan, data), epoch(BatchPlan(2, 4, ALL, 16), data))


def test_indivisible_batch_size_is_rejected(loaded: Make) -> None:
    with pytest.raises(ConfigError, match="divisible by the 4 processes, found 10"):
        BatchPlan(0, 10, world_size=4)
    with pytest.raises(ConfigError, match="3 images cannot be split between 4"):
        BatchPlan(0, 8, world_size=4).steps(loaded(3))


def test_fewer_images_than_a_batch(loaded: Make) -> None:
    data = loaded(7)
    assert BatchPlan(0, 64).steps(data) == 1
    assert sorted(epoch(BatchPlan(0, 64), data)[0].labels.tolist()) == list(range(7))
    slices = [epoch(BatchPlan(0, 64, rank=rank, world_size=2), data) for rank in range(2)]
    assert [len(piece[0].labels) for piece in slices] == [3, 3]


def test_augmentation_differs_between_images_and_epochs(loaded: Make) -> None:
    one = loaded(1, 16)
    data = LoadedImages(np.repeat(one.images, 64, 0), np.zeros(64, np.int64), one.samples * 64)
    plan = BatchPlan(5, 64, Augmentation(flip=True, shift=3))
    first, second = (next(iter(plan.epoch(data, epoch))).images for epoch in (0, 1))
    assert len(torch.unique(first, dim=0)) > 20
    assert not torch.equal(first, second)


def test_no_crop_augmentation_uses_the_centre(loaded: Make) -> None:
    data = loaded(6, 10)
    batch = epoch(BatchPlan(0, 6, size=6), data)[0]
    assert np.array_equal(batch.images.numpy(), data.images[batch.labels.numpy(), :, 2:8, 2:8])


def test_random_crop_of_masks(loaded: Make) -> None:
    images = loaded(8, (20, 30), channels=1).images
    masks = images[:, 0] // 2
    data = LoadedImages(images, masks, loaded(8).samples)
    batch = epoch(BatchPlan(0, 8, Augmentation(flip=True), size=8), data)[0]
    assert torch.equal(batch.images[:, 0] // 2, batch.labels)
    whole = {
        bytes(window)
        for window in np.lib.stride_tricks.sliding_window_view(masks, (8, 8), (1, 2)).reshape(
            -1, 64
        )
    }
    cuts = batch.labels.numpy().astype(np.uint8)
    found = [bytes(cut.ravel()) in whole or bytes(cut[:, ::-1].ravel()) in whole for cut in cuts]
    assert all(found)


def test_crop_larger_than_the_image_ignores_the_border(loaded: Make) -> None:
    data = loaded(4, (6, 20), labels=np.ones((4, 6, 20), np.uint8))
    batch = epoch(BatchPlan(0, 4, size=10), data)[0]
    assert batch.labels.shape == (4, 10, 10)
    assert ((batch.labels == 1).sum((1, 2)) == 60).all()
    assert ((batch.labels == 255).sum((1, 2)) == 40).all()


def test_balanced_sampling(loaded: Make) -> None:
    data = loaded(40, labels=[0] * 36 + [1] * 4)
    plan = BatchPlan(0, 10, balance="sampling")
    labels = torch.cat([batch.labels for batch in epoch(plan, data)])
    assert labels.bincount().tolist() == [20, 20]
    assert plan.order(data, 1).tolist() == plan.order(data, 1).tolist()
    assert plan.order(data, 1).tolist() != plan.order(data, 2).tolist()
    masked = loaded(4, labels=np.zeros((4, 6, 6), np.uint8))
    with pytest.raises(ConfigError, match="images with one class each"):
        epoch(plan, masked)


def test_normalise() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    form = InputFormat(1, 1, (0.5,), (0.25,))
    assert normalise(images, form).flatten().tolist() == [-2.0, 2.0]
