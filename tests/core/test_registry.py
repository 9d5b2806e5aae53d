import pytest

from faceswap.core.errors import ConfigError
from faceswap.core.registry import Registry


def make() -> Registry:
    models = Registry("model")

    @models.register
    def original() -> int:
        return 1

    @models.register
    def light() -> int:
        return 2

    return models


def test_get_by_function_name() -> None:
    models = make()
    assert models.get("original")() == 1
    assert models.names() == ["light", "original"]


def test_unknown_name_offers_the_nearest_and_lists_all() -> None:
    with pytest.raises(ConfigError, match="Unknown model 'orignal'") as caught:
        make().get("orignal")
    assert "'original'" in caught.value.hint
    assert "light, original" in caught.value.hint


def test_a_name_is_given_once() -> None:
    models = make()

    def light() -> int:
        return 3

    with pytest.raises(AssertionError):
        models.register(light)
