import pytest
import torch

from classifier.models import build_network
from classifier.models.anatomy import layer_groups
from classifier.training.transfer import Mode, Transfer


def transfer(mode: Mode, **options) -> tuple[Transfer, torch.nn.Module]:
    built = build_network("resnet20", 2, {})
    return Transfer(mode, layer_groups(built), **options), built.module


def learning(module: torch.nn.Module) -> set[str]:
    return {name.split(".")[0] for name, p in module.named_parameters() if p.requires_grad}


def test_scratch_uses_one_rate_and_decays_only_weights():
    plan, module = transfer("scratch", first_rate=0.5)
    groups = plan.parameter_groups(0.01)
    assert {group["scale"] for group in groups} == {1.0}
    for group in groups:
        assert group["weight_decay"] == (0.01 if group["params"][0].dim() > 1 else 0)
        assert len({p.dim() > 1 for p in group["params"]}) == 1
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in module.parameters())


def test_finetuning_rates_decrease_towards_the_input():
    plan, module = transfer("finetune", first_rate=0.25)
    names = {id(p): name for name, p in module.named_parameters()}
    scales = {
        names[id(p)]: group["scale"] for group in plan.parameter_groups(0) for p in group["params"]
    }
    assert scales["linear.weight"] == scales["linear.bias"] == 1
    assert scales["conv1.weight"] == 0.25
    between = [scales[f"layer{n}.0.conv1.weight"] for n in (1, 2, 3)]
    assert between == sorted(between)
    assert 0.25 < between[0] < between[-1] < 1


def test_features_mode_trains_only_the_head():
    plan, module = transfer("features")
    assert [p.shape for group in plan.parameter_groups(0) for p in group["params"]] == [
        module.get_submodule("linear").weight.shape,
        module.get_submodule("linear").bias.shape,
    ]
    plan.freeze(7)
    assert learning(module) == {"linear"}


def test_gradual_unfreezes_a_group_every_second_epoch_from_the_head():
    plan, module = transfer("gradual", unfreeze_every=2)
    counts = []
    for epoch in range(2 * len(plan.groups) + 2):
        plan.freeze(epoch)
        counts.append(len(learning(module)))
        assert plan.trainable_groups(epoch) == min(len(plan.groups), 1 + epoch // 2)
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert all(p.requires_grad for p in module.parameters())


def test_frozen_norms_keep_their_statistics():
    plan, module = transfer("gradual")
    plan.freeze(1)
    plan.train_mode(module, 1)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        module(torch.rand(4, 3, 32, 32))
    changed = {name for name, value in module.state_dict().items() if (value != before[name]).any()}
    free = {id(m) for group in plan.groups[-2:] for part in group.modules for m in part.modules()}
    expected = {
        f"{name}.{buffer}"
        for name, m in module.named_modules()
        if id(m) in free
        for buffer, _ in m.named_buffers(recurse=False)
    }
    assert changed == expected
    assert expected


@pytest.mark.parametrize("mode", ["features", "gradual"])
def test_head_is_the_first_trained_group(mode):
    plan, module = transfer(mode)
    plan.freeze(0)
    assert learning(module) == {"linear"}
