import pytest
import torch

from classifier.training.mixing import Mixing


def batch(count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, 16, 12, generator=torch.Generator().manual_seed(0))
    return images, torch.arange(count)


def test_disabled_mixing_changes_nothing():
    images, labels = batch()
    mixture = Mixing(0)(images, labels, 0, 0)
    assert mixture.images is images
    assert mixture.others is None


def test_mixup_blends_two_images():
    images, labels = batch()
    mixture = Mixing(0, mixup=1.0)(images, labels, 2, 5)
    assert mixture.others is not None
    assert mixture.others.tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    expected = mixture.fraction * images + (1 - mixture.fraction) * images[mixture.others]
    assert torch.allclose(mixture.images, expected, atol=1e-6)


@pytest.mark.parametrize("step", range(4))
def test_cutmix_area_equals_the_label_weight(step):
    images, labels = batch()
    mixture = Mixing(3, cutmix=1.0)(images, labels, 0, step)
    assert mixture.others is not None
    pasted = (mixture.images == images[mixture.others]) & (mixture.images != images)
    assert pasted.any(1).float().mean().item() == pytest.approx(1 - mixture.fraction)
    assert bool((pasted | (mixture.images == images)).all())


def test_cutmix_of_masks():
    images, _ = batch()
    masks = torch.arange(8)[:, None, None].expand(8, 16, 12).contiguous()
    mixture = Mixing(3, cutmix=1.0)(images, masks, 0, 1)
    assert mixture.others is None
    pasted = mixture.images[0, 0] != images[0, 0]
    assert bool((mixture.labels[0][pasted] == 4).all())
    assert bool((mixture.labels[0][~pasted] == 0).all())


def test_mixing_depends_only_on_seed_and_step():
    images, labels = batch()
    mixing = Mixing(1, mixup=0.4, cutmix=1.0)
    first, again = mixing(images, labels, 0, 7), mixing(images, labels, 0, 7)
    assert torch.equal(first.images, again.images)
    fractions = {mixing(images, labels, 0, step).fraction for step in range(8)}
    assert len(fractions) == 8


def test_two_processes_mix_like_one():
    images, labels = batch()
    for mixing in (Mixing(1, mixup=0.4), Mixing(1, cutmix=1.0)):
        whole = mixing(images, labels, 0, 3)
        for rank in (0, 1):
            mine = mixing(images[rank::2], labels[rank::2], 0, 3)
            assert torch.equal(mine.images, whole.images[rank::2])
            assert whole.others is not None
            assert mine.others is not None
            assert torch.equal(mine.others, whole.others[rank::2])
