"""The family ``comb`` at its levels, and between them."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.models import build_model
from faceswap.models.comb.network import CombAutoencoder
from faceswap.models.model_file import ModelMeta, load_model, save_model

TINY = {"size": 16, "channels": 8, "code": 8, "growth": 1.0}


def build(**options):
    torch.manual_seed(0)
    model = build_model("comb", ["alice", "bob"], TINY | options)
    assert isinstance(model, CombAutoencoder)
    return model.eval()


def at(fraction, **options):
    model = build(**options)
    model.grow(fraction)
    return model


def test_it_has_nine_levels_up_to_1024_pixels():
    with torch.device("meta"):
        model = build_model("comb", ["a", "b"])
        smaller = build_model("comb", ["a", "b"], {"size": 256, "mask": True})
    assert sum(p.numel() for p in model.parameters()) == 69_255_718
    assert sum(p.numel() for p in smaller.parameters()) == 69_156_216
    assert isinstance(model, CombAutoencoder)
    sizes = []
    for eighth in range(9):
        model.grow(0.7 * eighth / 8)
        sizes.append(model.output_size)
    assert sizes == [4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert model.full_size == 1024


@pytest.mark.parametrize(
    ("fraction", "size", "fade"),
    [(0, 4, None), (0.25, 4, None), (0.375, 8, 0.5), (0.5, 8, None), (0.9, 16, 0.6), (1, 16, None)],
)
def test_each_level_is_trained_alone_before_the_next_one_fades_in(fraction, size, fade):
    model = at(fraction)
    assert (model.input_size, model.output_size, model.detail) == (size,) * 3
    weight = model._fade()
    assert (None if weight is None else weight.item()) == pytest.approx(fade, abs=1e-3)


def test_it_never_shrinks():
    model = at(0.6)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.grow(0.3)
    assert model.output_size == 8
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_growth_that_is_over_before_the_end_of_the_budget():
    assert at(0.4, growth=0.4).output_size == 16
    assert at(0, growth=0.0)._fade() is None
    assert at(0, growth=0.0).output_size == 16
    assert at(0, start=8).output_size == 8


@torch.no_grad()
def test_a_level_fades_in_from_the_one_before_to_itself():
    model = build()
    faces = torch.rand(2, 3, 8, 8)
    smaller = torch.nn.functional.avg_pool2d(faces, 2)
    for endpoint, level in ((0.0, 0), (1.0, 1)):
        fade = torch.tensor(endpoint)
        features = model.encoder(faces, 1, fade)
        alone = model.encoder((smaller, faces)[level], level, None)
        torch.testing.assert_close(features, alone)
        codes = model.inter(alone)
        decoded = model.decoders[1](codes, 1, fade)
        expected = model.decoders[1](codes, level, None)
        if level == 0:
            expected = expected.repeat_interleave(2, 2).repeat_interleave(2, 3)
        torch.testing.assert_close(decoded, expected)


def test_between_two_levels_both_are_trained_and_no_later_one():
    model = at(0.375)
    model(torch.rand(2, 1, 3, 8, 8)).face.sum().backward()
    trained = {name for name, p in model.named_parameters() if p.grad is not None}
    for part in ("encoder.enter", "encoder.blocks", "decoders.0.leave", "decoders.1.blocks"):
        used = {name[len(part) + 1] for name in trained if name.startswith(part)}
        assert used == {"0", "1"}


@pytest.mark.parametrize(("fraction", "size"), [(0, 4), (0.4, 8), (0.5, 8), (1, 16)])
def test_a_model_file_of_any_position_swaps_at_its_size(tmp_path, fraction, size):
    model = at(fraction, mask=True)
    options = TINY | {"mask": True}
    save_model(tmp_path, model, ModelMeta("comb", options, ("alice", "bob"), 1.25, 7))
    loaded = load_model(tmp_path).model
    assert (loaded.input_size, loaded.output_size, loaded.detail) == (size,) * 3
    faces = torch.rand(2, 3, size, size)
    expected = model.swap(faces, "bob")
    swapped = loaded.swap(faces, "bob")
    assert swapped.face.shape == (2, 3, size, size)
    torch.testing.assert_close(swapped, expected)


def test_in_bf16_it_decodes_nearly_the_same():
    model = at(0.9)
    faces = torch.rand(2, 3, 16, 16)
    expected = model.swap(faces, "alice").face
    with torch.autocast("cpu", torch.bfloat16):
        decoded = model.swap(faces, "alice").face
    assert decoded.dtype == torch.float32
    assert (decoded - expected).abs().max() < 0.02


def test_a_compiled_model_is_compiled_once_for_each_level_and_fade():
    model, counter = build().train(), CompileCounter()
    model.compile(backend=counter)
    for step in range(33):
        model.grow(step / 32)
        model(torch.rand(2, 1, 3, *(model.input_size,) * 2)).face.sum().backward()
    assert counter.frame_count == 5


@pytest.mark.parametrize("grown", [-1, 2049, 1 << 62])
def test_a_damaged_level_is_refused(tmp_path, grown):
    model = at(0.5)
    model.grown.fill_(grown)
    save_model(tmp_path, model, ModelMeta("comb", TINY, ("alice", "bob"), 1.25, 7))
    with pytest.raises(ModelFileError, match="do not fit"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 48}, "size"),
        ({"size": 2048}, "size"),
        ({"start": 32}, "start"),
        ({"growth": 1.5}, "growth .* found 1.5"),
        ({"channels": 0}, "channels .* found 0"),
        ({"code": 10**9}, "1 to 16384 as code"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        build(**options)
