"""The parts of a swap, which tell what the result depends on."""

import json
from dataclasses import replace

import pytest

from faceswap.conversion.colour.match import ColourMatch
from faceswap.conversion.detail.chain import DetailChain, DetailSettings
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.masks.edge import MaskEdge
from faceswap.conversion.masks.face_masks import build_face_masks
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.swap.blending import alpha, pyramid
from faceswap.conversion.swap.parts import SwapParts
from faceswap.conversion.swap.placement import Placement
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.errors import ConfigError
from faceswap.media.sources import Source
from faceswap.provenance.identity import open_identity
from tests.conversion.test_pipeline import swapper


def own_blend(under, face, mask):
    return face


def parts() -> SwapParts:
    masks = build_face_masks("hull", 1.25)
    return SwapParts(masks, ColourMatch("none"), blend=pyramid, facts={"blend": "pyramid"})


CHANGES = {
    "a blend": {"blend": alpha},
    "a blend of one's own": {"blend": own_blend},
    "a transfer": {"colour": ColourMatch("lab")},
    "the light": {"colour": ColourMatch("none", border_light=False)},
    "grain": {"detail": DetailChain(DetailSettings(grain=1))},
    "an enhancer": {"detail": DetailChain(enhancers=[lambda crops: crops.faces])},
    "an edge": {"masks": build_face_masks("hull", 1.25, edge=MaskEdge(3))},
    "a masker": {"masks": build_face_masks("extended", 1.25)},
    "eyes": {"masks": build_face_masks("hull", 1.25, keep=("eyes",))},
    "a place": {"placement": Placement(scale=2)},
    "hair": {"clean": True},
    "time": {"smooth": 3},
    "a morph factor": {"morph": 0.5},
    "no channel of the target": {"morph": 0},
}


def test_the_same_parts_have_the_same_record():
    assert json.dumps(parts().record()) == json.dumps(parts().record())
    assert parts().record()["blend"] == "pyramid"


@pytest.mark.parametrize("change", CHANGES)
def test_a_replaced_part_has_another_record(change):
    assert replace(parts(), **CHANGES[change]).record() != parts().record()


class Plain(ColourMatch):
    def __init__(self, strength: float) -> None:
        super().__init__("none")
        self.facts = {"strength": strength}


def test_a_part_of_ones_own_is_known_by_its_facts():
    records = [replace(parts(), colour=Plain(strength)).record() for strength in (0.5, 0.5, 1)]
    assert records[0] == records[1] != records[2]
    unknown = Plain(1)
    del unknown.facts
    with pytest.raises(ConfigError, match=r"`facts` of the part .*Plain"):
        replace(parts(), colour=unknown).record()


def test_two_blends_have_two_fingerprints(tmp_path):
    source = Source(tmp_path / "clip.mp4", "video", "clip", ())
    known = swapper()

    def fingerprint(used: SwapParts) -> str:
        job = ConvertJob(
            source,
            name_outputs(source, tmp_path / "out.mp4"),
            Swapper(known.loaded, used, "bob"),
            FaceFinding(),
            EncodeSettings(),
            open_identity(),
        )
        return job.conversion.fingerprint([])

    assert fingerprint(parts()) == fingerprint(parts())
    assert fingerprint(parts()) != fingerprint(replace(parts(), blend=own_blend))
