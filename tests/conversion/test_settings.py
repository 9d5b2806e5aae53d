import pytest

from faceswap.conversion.settings import ColourConfig


@pytest.mark.parametrize(
    ("transfer", "border_light", "lit"),
    [("sot", None, True), ("none", None, False), ("none", True, True), ("lab", False, False)],
)
def test_border_light_goes_with_a_transfer_unless_it_is_set(transfer, border_light, lit):
    assert ColourConfig(transfer=transfer, border_light=border_light).lit == lit
