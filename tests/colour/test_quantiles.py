import numpy as np
import torch

from faceswap.colour.quantiles import interpolate, weighted_quantiles

LEVELS = torch.tensor([0.1, 0.5, 0.8])


def test_quantiles_of_equal_weights_are_those_of_numpy():
    values = torch.rand(2, 3, 101, generator=torch.Generator().manual_seed(0))
    found = weighted_quantiles(values, torch.ones(2, 1, 101), LEVELS)
    expected = np.quantile(values.numpy(), LEVELS.numpy(), axis=2, method="hazen")
    np.testing.assert_allclose(found.permute(2, 0, 1).numpy(), expected, atol=1e-6)


def test_a_weight_of_three_is_three_values():
    values = torch.tensor([[3.0, 1.0, 2.0, 9.0]])
    found = weighted_quantiles(values, torch.tensor([[1.0, 3.0, 1.0, 0.0]]), torch.tensor([0.3]))
    assert found.item() == 1


def test_values_without_weight_are_not_there():
    values = torch.rand(1, 50, generator=torch.Generator().manual_seed(1))
    weights = (torch.arange(50) % 2).float()[None]
    wanted = weighted_quantiles(values[:, 1::2], torch.ones(1, 25), LEVELS)
    torch.testing.assert_close(weighted_quantiles(values, weights, LEVELS), wanted)
    assert weighted_quantiles(values, torch.zeros(1, 50), LEVELS).eq(0).all()


def test_functions_are_linear_between_nodes_and_constant_beyond():
    places, results = torch.tensor([[0.0, 1.0, 3.0]]), torch.tensor([[5.0, 7.0, 3.0]])
    found = interpolate(torch.tensor([[-1.0, 0.5, 1.0, 2.0, 8.0]]), places, results)
    assert found.tolist() == [[5, 6, 7, 5, 3]]
