import torch
from torch.distributions import Normal, kl_divergence

from classifier.lessons.families import variational
from classifier.lessons.families.variational import (
    VariationalAutoencoder,
    kl_to_standard_normal,
    reconstruction_loss,
    variational_loss,
)
from tests.classifier.lessons.drawing import check_figure


def test_divergence_is_that_of_torch() -> None:
    random = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 50, 3, generator=random)
    standard = Normal(torch.zeros(3), torch.ones(3))
    wanted = kl_divergence(Normal(mean, (log_variance / 2).exp()), standard).sum(1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), wanted)
    assert float(kl_to_standard_normal(torch.zeros(1, 3), torch.zeros(1, 3))) == 0


def test_gradients_pass_through_the_sampled_code() -> None:
    network = VariationalAutoencoder(2, 16)
    images = torch.rand(5, 16)
    output = network(images)
    loss = variational_loss(output, images)
    divergence = kl_to_standard_normal(*output[1:]).mean()
    torch.testing.assert_close(loss, reconstruction_loss(output[0], images) + divergence)
    (slope,) = torch.autograd.grad(reconstruction_loss(output[0], images), output[2])
    assert (slope != 0).any()  # of the variance: the error depends on it through the sample only
    assert (network(images)[0] != output[0]).any()


def test_random_codes_of_the_variational_autoencoder_become_several_digits() -> None:
    result = variational.compute(images=800, test_images=200, steps=250, classifier_steps=80)
    assert result.variational.classes >= 2
    assert 0.6 < result.variational.codes.std() < 1.7
    assert abs(result.variational.codes.mean()) < 1.2
    assert result.plain.codes.std() > result.variational.codes.std()
    assert result.divergence > 0.5
    assert result.grid.shape == (144, 32, 32)
    assert result.walk.shape == (8, 32, 32)
    assert check_figure(variational.LESSON, result).subfigs
