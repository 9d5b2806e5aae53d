import pytest
import torch

from classifier.models.activations import (
    ACTIVATIONS,
    Maxout,
    activation,
    find_activation,
    slope,
)
from faceswap.core.errors import ConfigError

VALUES = torch.tensor([-2.0, 0.0, 3.0])
EXPECTED = {
    "threshold": [0.0, 1.0, 1.0],
    "sigmoid": [0.119203, 0.5, 0.952574],
    "tanh": [-0.964028, 0.0, 0.995055],
    "relu": [0.0, 0.0, 3.0],
    "leaky_relu": [-0.02, 0.0, 3.0],
    "elu": [-0.864665, 0.0, 3.0],
    "gelu": [-0.0455003, 0.0, 2.99595],
    "silu": [-0.238406, 0.0, 2.85772],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_values(name: str) -> None:
    torch.testing.assert_close(
        activation(name)(VALUES), torch.tensor(EXPECTED[name]), rtol=1e-4, atol=1e-5
    )


def test_all_activations_but_maxout_are_elementwise() -> None:
    assert set(ACTIVATIONS) == {*EXPECTED, "maxout"}


def test_threshold_has_zero_gradient() -> None:
    values = VALUES.clone().requires_grad_()
    assert not activation("threshold")(values).requires_grad
    assert slope(activation("threshold"), VALUES).tolist() == [0.0, 0.0, 0.0]
    assert slope(activation("relu"), VALUES).tolist() == [0.0, 0.0, 1.0]


def test_maxout_is_the_maximum_of_its_pieces() -> None:
    values = torch.tensor([[1.0, 5.0, -1.0, -3.0]])
    assert Maxout(2)(values).tolist() == [[5.0, -1.0]]
    assert Maxout(2)(torch.zeros(3, 8, 5, 7)).shape == (3, 4, 5, 7)
    assert find_activation("maxout", 3).pieces == 3


def test_invalid_options_are_rejected() -> None:
    with pytest.raises(ConfigError) as caught:
        find_activation("rely")
    assert "'relu'" in caught.value.hint
    with pytest.raises(ConfigError):
        find_activation("maxout", 1)
