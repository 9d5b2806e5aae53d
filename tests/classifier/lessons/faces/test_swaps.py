import numpy as np
import pytest
import torch

from classifier.lessons.faces import swaps


def test_a_perfect_reconstruction_has_no_error(trained, monkeypatch):
    model = trained.loaded.model
    whole = swaps.measure(trained, 64)
    assert 0 < whole.l1 < 1
    shown = model.swap(torch.zeros(1, 3, 64, 64), "alice")
    monkeypatch.setattr(model, "swap", lambda faces, _to: shown._replace(face=faces))
    perfect = swaps.measure(trained, 64)
    assert perfect.ssim == pytest.approx(1)
    assert perfect.l1 == pytest.approx(0)
    monkeypatch.setattr(model, "swap", lambda faces, _to: shown._replace(face=faces + 0.1))
    assert swaps.measure(trained, 64).l1 == pytest.approx(0.1, abs=1e-5)


def test_only_the_masked_face_of_a_frame_changes(trained):
    swap = swaps.swap_face(trained, "alice", "bob")
    changed = (swap.frame != swap.swapped).any(-1)
    assert changed.any()
    border = np.ones_like(changed)
    border[6:-6, 6:-6] = False
    assert not changed[border].any()
    assert swap.face.shape == swap.decoded.shape == (64, 64, 3)
    assert 0 < swap.mask.mean() < 1
    assert 0 <= swaps.sharpness(trained, "alice", "bob") < 3


def test_swapped_frames_have_no_grain(trained, monkeypatch):
    chains = []
    build = swaps.Swapper

    def keep(loaded, parts, to):
        chains.append(parts.detail)
        return build(loaded, parts, to)

    monkeypatch.setattr(swaps, "Swapper", keep)
    swaps.swap_face(trained, "alice", "bob")
    assert [chain.settings.grain for chain in chains] == [0]
