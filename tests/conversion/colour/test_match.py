import pytest
import torch
import torch.nn.functional as F

from faceswap.conversion.colour.match import ColourMatch, average_in_time

SIZE, LEFT, RIGHT = 128, 24, 104
COVERAGE = 1.25


def border_mask() -> torch.Tensor:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., LEFT:RIGHT, LEFT:RIGHT] = 1
    return mask


def matched(match: ColourMatch, faces, targets, weights=None) -> torch.Tensor:
    masks = border_mask()
    weights = masks if weights is None else weights
    return match.apply(faces, match.measure(faces, targets, weights, masks, COVERAGE))


def faces_and_targets(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    coarse = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    faces, targets = (
        F.interpolate(each, (SIZE, SIZE), mode="bilinear", align_corners=False) for each in coarse
    )
    return 0.3 + 0.2 * faces, 0.4 + 0.4 * targets


@pytest.mark.parametrize("transfer", ["none", "mean", "lab", "sot"])
@pytest.mark.parametrize("border_light", [False, True])
def test_all_parameters_of_a_face_are_one_row(transfer, border_light):
    match = ColourMatch(transfer, border_light=border_light)
    faces, targets = (each.expand(3, -1, -1, -1) for each in faces_and_targets(0))
    masks = border_mask().expand(3, -1, -1, -1)
    parameters = match.measure(faces, targets, masks, masks, COVERAGE)
    assert parameters.shape[0] == 3
    assert parameters.ndim == 2
    changed = match.apply(faces, parameters)
    assert changed.shape == faces.shape
    assert changed.equal(faces) == (transfer == "none" and not border_light)


def test_border_light_is_there_without_a_transfer():
    faces, targets = torch.full((1, 3, SIZE, SIZE), 0.5), torch.full((1, 3, SIZE, SIZE), 0.55)
    row = matched(ColourMatch("none"), faces, targets)[0, 0, 64]
    assert row[LEFT + 1] == pytest.approx(0.54, abs=0.005)
    assert row[64] == pytest.approx(0.5, abs=0.002)


def test_a_face_of_another_size_is_changed_alike():
    faces, targets = faces_and_targets(1)
    match = ColourMatch("lab")
    masks = border_mask()
    small = F.interpolate(faces, (64, 64), mode="area")
    rows = [
        match.apply(each, match.measure(each, targets, masks, masks, COVERAGE))
        for each in (faces, small)
    ]
    torch.testing.assert_close(
        F.interpolate(rows[0], (64, 64), mode="area"), rows[1], atol=0.01, rtol=0
    )


@pytest.mark.parametrize("transfer", ["mean", "lab", "mkl", "histogram", "sot"])
def test_half_a_face_outside_the_frame_counts_for_nothing(transfer):
    faces, targets = faces_and_targets(2)
    visible = torch.ones(1, 1, SIZE, SIZE)
    visible[..., 70:] = 0
    first, second = (
        matched(ColourMatch(transfer), faces, each, border_mask() * visible)
        for each in (targets, torch.where(visible == 1, targets, 0.05))
    )
    torch.testing.assert_close(first[..., :70], second[..., :70], atol=1e-3, rtol=0)


def test_means_of_parameters_are_means_of_results():
    faces, targets = faces_and_targets(3)
    match, masks = ColourMatch("mean", border_light=False), border_mask()
    rows = torch.cat([match.measure(faces, t, masks, masks, COVERAGE) for t in (targets, faces)])
    middle = match.apply(faces, average_in_time(rows[[1, 0, 1]], [-1, 0, 1], 1)[None])
    ends = [match.apply(faces, row[None]) for row in rows]
    torch.testing.assert_close(middle, (ends[0] + ends[1]) / 2, atol=0.004, rtol=0)


def rows_of(values: list[float], known: float | list[float] = 1.0) -> torch.Tensor:
    known = [known] * len(values) if isinstance(known, float) else known
    return torch.tensor([known, values]).T


def test_an_alternating_colour_becomes_steady():
    found = [
        average_in_time(rows_of([(-1.0) ** (k + shift) for k in range(-7, 8)]), range(-7, 8), 7)[1]
        for shift in (0, 1)
    ]
    assert abs(found[0] - found[1]) < 0.02


def test_a_colour_that_changes_steadily_passes_unchanged():
    offsets = range(-4, 5)
    assert average_in_time(rows_of([0.1 * k for k in offsets]), offsets, 4)[1] == pytest.approx(
        0, abs=1e-6
    )
    # At the start of a track, and beside a gap, frames without a counterpart do not count.
    beginning = average_in_time(rows_of([0.0, 0.1, 0.2]), [0, 1, 2], 2)
    gap = average_in_time(rows_of([-0.2, 0.0, 0.1, 0.2]), [-2, 0, 1, 2], 2)
    assert beginning[1] == pytest.approx(0, abs=1e-6)
    assert gap[1] == pytest.approx(0, abs=1e-6)


def test_faces_that_are_hardly_known_hardly_count():
    values, offsets = [5.0, 1.0, 5.0], [-1, 0, 1]
    assert average_in_time(rows_of(values, [0.0, 0.3, 0.3]), offsets, 1)[1] == 1
    assert average_in_time(rows_of(values, 0.3), offsets, 1)[1] == pytest.approx(3)


def test_frames_beyond_the_radius_do_not_count():
    values, offsets = [9.0, 2.0, 9.0], [-2, 0, 2]
    assert average_in_time(rows_of(values), offsets, 1)[1] == 2
    assert average_in_time(rows_of(values), offsets, 0)[1] == 2


def test_a_face_that_is_nowhere_known_keeps_its_own_parameters():
    assert average_in_time(rows_of([3.0, 4.0, 5.0], 0.0), [-1, 0, 1], 1)[1] == 4


RADIUS, FRAMES = 5, 24


def steady(match: ColourMatch, rows: list[torch.Tensor]) -> list[torch.Tensor]:
    """Rows of consecutive frames, averaged over the frames around each."""
    return [
        match.average(
            torch.stack(rows[max(0, n - RADIUS) : n + RADIUS + 1]),
            range(-min(n, RADIUS), min(RADIUS, len(rows) - 1 - n) + 1),
            RADIUS,
        )
        for n in range(len(rows))
    ]


def green(match: ColourMatch, faces: torch.Tensor, rows: list[torch.Tensor]) -> torch.Tensor:
    """Green in the middle of the face in all frames whose window is whole."""
    shown = [match.apply(faces, row[None])[0, 1, 40:90, 40:90].mean() for row in rows]
    return torch.stack(shown)[RADIUS:-RADIUS]


@pytest.mark.parametrize("transfer", ["mean", "lab", "mkl", "histogram", "sot"])
def test_masks_that_change_leave_colours_steady(transfer):
    """Something comes and goes before a half of the face that differs from the other half."""
    faces, targets = faces_and_targets(4)
    targets[..., 64:] -= 0.15
    match, masks = ColourMatch(transfer), border_mask()
    half = masks.clone()
    half[..., 64:] = 0
    random = torch.rand(FRAMES, generator=torch.Generator().manual_seed(5))
    rows = [
        match.measure(faces, targets, known, known, COVERAGE)[0]
        for known in (half if chance < 0.4 else masks for chance in random)
    ]
    single, averaged = (green(match, faces, each) for each in (rows, steady(match, rows)))
    assert averaged.diff().abs().mean() < 0.2 * single.diff().abs().mean()


@pytest.mark.parametrize("transfer", ["mean", "lab", "mkl", "histogram", "sot"])
def test_light_that_changes_from_frame_to_frame_is_followed(transfer):
    faces, targets = faces_and_targets(6)
    match, masks = ColourMatch(transfer, border_light=False), border_mask()
    light = 0.03 * torch.randn(FRAMES, generator=torch.Generator().manual_seed(7))
    rows = [match.measure(faces, targets + each, masks, masks, COVERAGE)[0] for each in light]
    shown = green(match, faces, steady(match, rows))
    wanted = green(match, faces, rows)
    torch.testing.assert_close(shown, wanted, atol=0.006, rtol=0)
    assert (wanted - wanted.mean()).abs().max() > 0.04


def test_a_lamp_that_is_switched_on_lights_the_face_in_that_frame():
    faces, targets = faces_and_targets(8)
    match, masks = ColourMatch("lab"), border_mask()
    rows = [
        match.measure(faces, targets * (0.6 if n < 12 else 1.0), masks, masks, COVERAGE)[0]
        for n in range(FRAMES)
    ]
    shown = green(match, faces, steady(match, rows))
    steps = shown.diff()
    assert steps.argmax() == 11 - RADIUS
    assert steps.max() > 0.95 * (shown[-1] - shown[0])


def test_without_a_transfer_the_light_inside_is_not_followed():
    faces, targets = faces_and_targets(9)
    match, masks = ColourMatch("none"), border_mask()
    rows = [
        match.measure(faces, targets + 0.05 * (n % 2), masks, masks, COVERAGE)[0]
        for n in range(FRAMES)
    ]
    for row in steady(match, rows)[RADIUS:-RADIUS]:
        torch.testing.assert_close(
            match.apply(faces, row[None])[..., 60:68, 60:68],
            faces[..., 60:68, 60:68],
            atol=0.01,
            rtol=0,
        )
