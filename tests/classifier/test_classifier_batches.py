import numpy as np
import pytest
import torch

from classifier.data.batches import BatchPlan, augment, normalise
from classifier.data.folders import LabelledImages
from classifier.models import InputFormat
from faceswap.core.errors import ConfigError


def make(count: int = 22, size: int = 6) -> LabelledImages:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    return LabelledImages(images, np.arange(count))


def test_an_epoch_sees_each_image_once_in_an_order_of_its_own() -> None:
    plan, data = BatchPlan(1, 4), make()
    assert plan.steps(data) == 5
    labels = [torch.cat([labels for _, labels in plan.epoch(data, e)]).tolist() for e in (0, 0, 1)]
    assert labels[0] == labels[1]
    assert labels[0] != labels[2]
    assert len(set(labels[0])) == 20


def test_images_follow_their_labels() -> None:
    data = make()
    for images, labels in BatchPlan(1, 4).epoch(data, 0):
        assert np.array_equal(images.numpy(), data.images[labels.numpy()])


def test_processes_share_the_very_same_batches() -> None:
    data = make()
    alone = list(BatchPlan(1, 4, flip=True, shift=2).epoch(data, 3))
    shares = [
        list(BatchPlan(1, 4, flip=True, shift=2, rank=rank, world=2).epoch(data, 3))
        for rank in range(2)
    ]
    for step, (images, labels) in enumerate(alone):
        for rank in range(2):
            assert torch.equal(shares[rank][step][0], images[rank::2])
            assert torch.equal(shares[rank][step][1], labels[rank::2])


def test_uneven_shares_are_refused() -> None:
    with pytest.raises(ConfigError, match="10 images cannot be shared by 4"):
        BatchPlan(0, 10, world=4)


def test_augment_moves_and_mirrors() -> None:
    images = make(4).images
    shifts = np.array([[0, 0], [2, 0], [0, -1], [1, 0]])
    out = augment(images, np.array([False, False, False, True]), shifts)
    assert np.array_equal(out[0], images[0])
    assert np.array_equal(out[1][:, :, 2:], images[1][:, :, :-2])
    assert np.array_equal(out[1][:, :, 0], images[1][:, :, 0])  # the edge is repeated
    assert np.array_equal(out[2][:, :-1], images[2][:, 1:])
    assert np.array_equal(out[3][:, :, 1:], images[3][:, :, ::-1][:, :, :-1])


def test_augmentation_differs_between_images_and_epochs() -> None:
    data = LabelledImages(np.repeat(make(1, 16).images, 64, axis=0), np.zeros(64, np.int64))
    plan = BatchPlan(5, 64, flip=True, shift=3)
    first, second = (next(iter(plan.epoch(data, epoch)))[0] for epoch in (0, 1))
    assert len(torch.unique(first, dim=0)) > 20
    assert not torch.equal(first, second)


def test_normalise() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    form = InputFormat(1, 1, (0.5,), (0.25,))
    assert normalise(images, form).flatten().tolist() == [-2.0, 2.0]
