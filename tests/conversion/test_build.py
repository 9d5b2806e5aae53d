"""Parts of a swap that settings choose."""

from types import SimpleNamespace
from typing import Any

import pytest

from faceswap.conversion.build import build_occluders
from faceswap.conversion.masks.covering_hands import CoveringHands
from faceswap.conversion.masks.covering_objects import CoveringObjects


@pytest.mark.parametrize(
    ("which", "kinds"),
    [("none", []), ("hands", [CoveringHands]), ("all", [CoveringHands, CoveringObjects])],
)
def test_what_stays_in_front_of_faces_is_found_as_set(which, kinds):
    networks: Any = SimpleNamespace(hands=lambda device: None)
    occluders = build_occluders(which, 1.25, "cpu", networks)
    assert [type(each) for each in occluders] == kinds
