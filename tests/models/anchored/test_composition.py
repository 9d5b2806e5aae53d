import pytest
import torch

from faceswap.models.anchored.composition import (
    coarse_colours,
    compose,
    displaced,
    equalise,
    geometry,
    regularisation,
    rows_with_weight,
    sample,
    sample_rows,
)
from faceswap.models.anchored.decoder import Corrections
from faceswap.models.guides import SLOTS, Guides
from tests.meshes import face_mesh

SIZE = 64
MESH = torch.from_numpy(0.8 * face_mesh()[:, :2]).float()
MESH[[10, 1]] = torch.tensor([[0.0, -0.7], [0.0, 0.0]])  # forehead and nose
HALF = SIZE // 2


def guides(references=(0, 0, 0, 0), weights=(1.0, 0.0, 1.0, 0.0)):
    """Guides of one face that shows ``MESH``."""
    return Guides(MESH[None], torch.tensor([references]), torch.tensor([weights]))


def known(chosen, count=1):
    """Geometry of a face whose references all have its mesh."""
    return geometry(chosen, MESH.expand(count, -1, -1), SIZE)


def nothing(**changes):
    """Corrections that change nothing: the gate is closed."""
    quarter = SIZE // 4
    zero = Corrections(
        torch.zeros(1, SLOTS, quarter, quarter),
        torch.zeros(1, SLOTS, 2, quarter, quarter),
        torch.zeros(1, 6, quarter, quarter),
        torch.zeros(1, 3, SIZE, SIZE),
        torch.full((1, 1, SIZE, SIZE), -30.0),
        torch.zeros(1, 1, SIZE, SIZE),
    )
    return zero._replace(**changes)


def plain(*colours):
    """References of one colour each, ``(1, R, 4, SIZE, SIZE)``, all of them face."""
    rgb = torch.tensor(colours)[None, :, :, None, None].expand(-1, -1, -1, SIZE, SIZE)
    return torch.cat([rgb, torch.ones_like(rgb[:, :, :1])], 2)


def composed(seen, corrections, chosen, offsets=None):
    face, _, _ = compose(
        seen,
        corrections,
        known(chosen),
        torch.zeros(1, SLOTS, 3, 1, 1) if offsets is None else offsets,
    )
    return face[0]


def test_the_same_mesh_samples_the_same_pixels():
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(2, 4, 8, 8), (SIZE, SIZE), mode="bilinear")
    images = (smooth * 255).byte()
    chosen = guides((1, 0, 1, 1))
    seen = sample(images, chosen.references, known(chosen, 2).places)
    for slot, number in enumerate((1, 0, 1, 1)):
        torch.testing.assert_close(seen[0, slot], images[number] / 255, atol=0.02, rtol=0)


@pytest.mark.parametrize("parts", [0, 4])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_references_are_sampled_where_they_have_weight(parts, mode):
    images = torch.randint(256, (3, 4, SIZE, SIZE), dtype=torch.uint8)
    chosen = Guides(
        MESH.expand(2, -1, -1),
        torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]),
        torch.tensor([[0.5, 0.5, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0]]),
    )
    shape = known(chosen, 3)
    rows = rows_with_weight(shape.weights, parts)
    whole = sample(images, chosen.references, shape.places, mode)
    found = sample_rows(images, chosen.references, shape.places, mode, rows)
    weights = torch.nn.functional.interpolate(shape.weights, (SIZE, SIZE), mode="bilinear")
    seen = (weights > 0)[:, :, None].expand_as(whole)
    torch.testing.assert_close(found[seen], whole[seen], atol=1e-6, rtol=0)
    assert (found[:, 3] == 0).all()
    assert 0.2 < (found != 0).float().mean() < 0.6
    if parts:
        assert all((4 * end).is_integer() for _, *ends in rows for end in ends)


def test_equal_colours_need_no_offsets():
    seen = plain(*[(0.2, 0.4, 0.6)] * SLOTS)
    chosen = guides()
    offsets = equalise(seen, known(chosen).upper, chosen.weights)
    torch.testing.assert_close(offsets, torch.zeros(1, SLOTS, 3, 1, 1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("weights", [(1.0, 0.0, 1.0, 0.0), (0.5, 0.5, 0.5, 0.5)])
def test_offsets_lead_to_the_weighted_mean_colour(weights):
    colours = torch.tensor([(0.2, 0.4, 0.6), (0.3, 0.4, 0.2), (0.4, 0.4, 0.4), (0.1, 0.2, 0.3)])
    chosen = guides(weights=weights)
    offsets = equalise(plain(*colours.tolist()), known(chosen).upper, chosen.weights)
    mean = (colours * torch.tensor(weights)[:, None]).sum(0) / 2
    torch.testing.assert_close(offsets[0, :, :, 0, 0], mean - colours, atol=1e-4, rtol=0)


def test_each_half_shows_its_own_references():
    seen = plain((0.9, 0.1, 0.1), (0.5, 0.5, 0.5), (0.1, 0.1, 0.9), (0.5, 0.5, 0.5))
    face = composed(seen, nothing(), guides())
    red, blue = torch.tensor([0.9, 0.1, 0.1]), torch.tensor([0.1, 0.1, 0.9])
    torch.testing.assert_close(face[:, 4, HALF], red, atol=1e-3, rtol=0)
    torch.testing.assert_close(face[:, -4, HALF], blue, atol=1e-3, rtol=0)


def test_half_weights_show_the_mean():
    seen = plain((0.8, 0.2, 0.2), (0.2, 0.2, 0.6), (0.8, 0.2, 0.2), (0.2, 0.2, 0.6))
    face = composed(seen, nothing(), guides(weights=(0.5, 0.5, 0.5, 0.5)))
    mean = torch.tensor([0.5, 0.2, 0.4])[:, None, None].expand_as(face)
    torch.testing.assert_close(face, mean, atol=1e-3, rtol=0)


def test_weights_of_the_decoder_choose_between_the_references_of_a_half():
    seen = plain((0.8, 0.2, 0.2), (0.2, 0.2, 0.6), (0.8, 0.2, 0.2), (0.2, 0.2, 0.6))
    logits = torch.zeros(1, SLOTS, SIZE // 4, SIZE // 4)
    logits[:, 1::2, :, : SIZE // 8] = 20
    face = composed(seen, nothing(weights=logits), guides(weights=(0.5, 0.5, 0.5, 0.5)))
    second, mean = torch.tensor([0.2, 0.2, 0.6]), torch.tensor([0.5, 0.2, 0.4])
    torch.testing.assert_close(face[:, :, 2], second[:, None].expand(-1, SIZE), atol=1e-3, rtol=0)
    torch.testing.assert_close(face[:, :, -2], mean[:, None].expand(-1, SIZE), atol=1e-3, rtol=0)


def test_offsets_make_references_of_other_colours_seamless():
    seen = plain((0.9, 0.4, 0.1), (0.5, 0.5, 0.5), (0.3, 0.4, 0.7), (0.5, 0.5, 0.5))
    chosen = guides()
    offsets = equalise(seen, known(chosen).upper, chosen.weights)
    face = composed(seen, nothing(), chosen, offsets)
    expected = torch.tensor([0.6, 0.4, 0.4])[:, None, None].expand_as(face)
    torch.testing.assert_close(face, expected, atol=1e-3, rtol=0)


def test_light_is_a_gain_and_an_offset():
    seen = plain(*[(0.4, 0.4, 0.4)] * SLOTS)
    light = torch.zeros(1, 6, SIZE // 4, SIZE // 4)
    light[:, 0], light[:, 5] = 30, -30  # the strongest red, the least blue
    face = composed(seen, nothing(light=light), guides())
    assert face[0].min() > 1.9 * 0.4
    torch.testing.assert_close(face[1], torch.full((SIZE, SIZE), 0.4), atol=1e-5, rtol=0)
    assert 0.3 < face[2].min() <= face[2].max() < 0.4


def test_the_residual_shows_in_eyes_and_mouth_only():
    seen = plain(*[(0.4, 0.4, 0.4)] * SLOTS)
    opened = {"gate": torch.full((1, 1, SIZE, SIZE), 30.0)}
    opened["residual"] = torch.full((1, 3, SIZE, SIZE), 30.0)
    chosen = guides()
    face, _, gate = compose(seen, nothing(**opened), known(chosen), torch.zeros(1, SLOTS, 3, 1, 1))
    openings = known(chosen).openings
    assert gate.shape == (1, 1, SIZE, SIZE)
    assert face[0, :, HALF // 8, HALF].sub(0.4).abs().max() < 0.01
    y, x = divmod(int(openings.flatten().argmax()), SIZE // 4)
    assert face[0, :, 4 * y + 2, 4 * x + 2].min() > 0.9


def test_the_residual_shows_where_references_disagree():
    seen = plain((0.9, 0.4, 0.4), (0.1, 0.4, 0.4), (0.9, 0.4, 0.4), (0.1, 0.4, 0.4))
    opened = nothing(gate=torch.full((1, 1, SIZE, SIZE), 30.0))
    zero = torch.zeros(1, SLOTS, 3, 1, 1)
    both = known(guides(weights=(0.5, 0.5, 0.5, 0.5)))
    _, _, gate = compose(seen, opened, both, zero)
    assert gate.min() > 0.99
    # References that are not shown, or differ in their light only, do not disagree.
    cheek = (slice(None), slice(None), SIZE // 2, SIZE // 8)
    _, _, alone = compose(seen, opened, known(guides()), zero)
    level = seen[:, :, :3].mean((1, 3, 4), keepdim=True) - seen[:, :, :3].mean((3, 4), keepdim=True)
    _, _, equal = compose(seen, opened, both, level)
    for gate in (alone, equal):
        assert gate[cheek].max() < 0.05


def test_masks_are_those_of_the_references_and_corrected():
    seen = plain(*[(0.4, 0.4, 0.4)] * SLOTS)
    seen[:, :, 3] = 0.8
    zero = torch.zeros(1, SLOTS, 3, 1, 1)
    _, mask, _ = compose(seen, nothing(), known(guides()), zero)
    torch.testing.assert_close(mask, torch.full_like(mask, 0.8), atol=1e-3, rtol=0)
    corrected = nothing(mask=torch.full((1, 1, SIZE, SIZE), -10.0))
    _, mask, _ = compose(seen, corrected, known(guides()), zero)
    assert mask.max() < 0.01


def test_a_flow_moves_the_sampled_places():
    flow = torch.zeros(1, SLOTS, 2, SIZE // 4, SIZE // 4)
    flow[:, 1, 0] = 30
    still, moved = (displaced(known(guides()), nothing(**c)) for c in ({}, {"flow": flow}))
    torch.testing.assert_close(moved[:, [0, 2, 3]], still[:, [0, 2, 3]])
    torch.testing.assert_close(moved[:, 1, 1], still[:, 1, 1])
    away = moved[:, 1, 0] - still[:, 1, 0]
    assert away.std() < 1e-5
    assert 0.05 < float(away.mean()) < 0.1


def test_coarse_colours_are_means_of_quarters():
    faces = torch.full((1, 3, SIZE, SIZE), 0.5)
    faces[:, 0, :, HALF:] = 0.75
    seen = plain(*[(0.25, 0.5, 1.0)] * SLOTS)
    found = coarse_colours(faces, seen, known(guides()))
    assert found.shape == (1, 6, 4, 4)
    torch.testing.assert_close(found[0, 0], torch.tensor([0.0, 0, 1, 1]).expand(4, -1))
    references = torch.tensor([-1.0, 0, 2])[:, None, None].expand(-1, 4, 4)
    torch.testing.assert_close(found[0, 3:], references, atol=1e-5, rtol=0)


def test_penalties_of_flows_and_of_the_residual():
    closed, opened = torch.zeros(1, 1, SIZE, SIZE), torch.ones(1, 1, SIZE, SIZE)
    smooth, uneven = (torch.zeros(1, SLOTS, 2, SIZE // 4, SIZE // 4) for _ in range(2))
    smooth += 30
    uneven[..., ::2] = 30
    uneven[..., 1::2] = -30
    still = regularisation(nothing(), closed)
    torch.testing.assert_close(still, torch.zeros(1))
    costs = [
        float(regularisation(nothing(flow=flow), gate))
        for flow, gate in ((smooth, closed), (uneven, closed), (0 * smooth, opened))
    ]
    assert costs[0] == pytest.approx(0.002)
    assert costs[1] == pytest.approx(0.002 + 0.02 * 2)
    assert costs[2] == pytest.approx(0.1)


def test_the_weights_are_those_of_each_half():
    weights = known(guides((0, 1, 2, 3), (0.0, 1.0, 1.0, 0.0)), 4).weights[0]
    torch.testing.assert_close(weights.sum(0), torch.ones(SIZE // 4, SIZE // 4))
    assert weights[1, 1, HALF // 4] > 0.99
    assert weights[2, -2, HALF // 4] > 0.99
