import re
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from classifier.models.registry import build_network
from faceswap.core.errors import ConfigError
from faceswap.core.optional import Extra, MissingExtraError, install_command, require
from faceswap.core.tensorboard_log import open_scalar_log

ROOT = Path(__file__).resolve().parents[2]


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Make imports of modules fail as if they were not installed."""
    for name in list(sys.modules):
        if any(name == module or name.startswith(f"{module}.") for module in modules):
            monkeypatch.delitem(sys.modules, name)
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_the_module_is_returned() -> None:
    assert require("json", "timm").dumps([1]) == "[1]"


def test_the_error_names_module_and_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "onnx")
    with pytest.raises(MissingExtraError, match=r"^onnx is not installed") as caught:
        require("onnx", "export")
    assert caught.value.hint == 'Run: pip install "faceswap-toolkit[export]"'


def test_a_dependency_of_the_module_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "torch.utils.tensorboard", "tensorboard")
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard")
    with pytest.raises(MissingExtraError, match=r"^tensorboard is not installed"):
        require("torch.utils.tensorboard", "tensorboard")


def test_every_extra_is_declared_and_part_of_dev() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(get_args(Extra)) == set(extras) - {"dev"}
    (own,) = [name for name in extras["dev"] if name.startswith(project["name"])]
    match = re.fullmatch(r"[\w-]+\[([\w,]+)\]", own)
    assert match
    assert set(match[1].split(",")) == set(get_args(Extra))
    assert project["name"] in install_command("timm")


def test_timm_networks_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "timm")
    with pytest.raises(MissingExtraError) as caught:
        build_network("timm:resnet18", 2, {})
    assert "faceswap-toolkit[timm]" in caught.value.hint


def test_an_unknown_network_is_reported_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "timm")
    with pytest.raises(ConfigError, match="Unknown network 'qqq'"):
        build_network("qqq", 2, {})


def test_training_continues_without_tensorboard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hide(monkeypatch, "torch.utils.tensorboard", "tensorboard")
    with caplog.at_level("INFO", "faceswap"):
        log = open_scalar_log(tmp_path / "logs", purge_step=1)
    log.add_scalar("loss", 1.0, 1)
    log.close()
    assert not (tmp_path / "logs").exists()
    (record,) = caplog.records
    assert 'pip install "faceswap-toolkit[tensorboard]"' in record.getMessage()


def test_scalars_are_written_with_tensorboard(tmp_path: Path) -> None:
    log = open_scalar_log(tmp_path, purge_step=1)
    log.add_scalar("loss", 1.0, 1)
    log.close()
    assert list(tmp_path.glob("events.out.tfevents.*"))
