"""The verb as users start it: as a script, under a launcher, interrupted, with mistakes."""

import re
import signal
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from faceswap.cli import VERBS
from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.command_line import run_program
from faceswap.core.config import load_config, recipe_names
from faceswap.core.errors import IdentityError
from faceswap.facesets.named import parse_faces
from faceswap.models.model_file import load_model
from faceswap.training.settings import TrainConfig
from tests.core.launched import Started, finish, launcher, run_to_end

REPO = Path(__file__).resolve().parents[1]
SCRIPT = REPO / "faceswap" / "train.py"
ALONE = [sys.executable]
QUICK = [
    *("--config", "classic"),
    *("--set", "model.options.size=32"),
    *("--set", "training.precision=fp32"),
    *("--set", "training.device=cpu"),
    *("--set", "training.batch=4"),
    *("--set", "output.log_every=1"),
]
# Adam turns the rounding of a sum into a step of full size where a gradient is nearly zero: at the
# recipe's high rate that alone comes to 2e-4 after 20 steps.
LOW_RATE = ["--set", "optimizer.lr=3.0e-4"]
ADVERSARIAL = [
    *("--set", "adversarial.power=0.1"),
    *("--set", "adversarial.true_face=0.1"),
    *("--set", "adversarial.swaps=true"),
    # Matched pairs, whose swaps are judged, are then those of the first process only; and each
    # gives its gradients in two parts.
    *("--set", "training.micro_batches=2"),
]


@pytest.fixture
def faces(make_faceset, tmp_path):
    given = []
    for name, shade in (("alice", (220, 170, 140)), ("bob", (150, 100, 70))):
        given += ["--faces", f"{name}={make_faceset(tmp_path / name, faces=40, shade=shade)}"]
    return given


def run(begin, *arguments):
    return run_to_end([*begin, SCRIPT, *arguments])


def train(*arguments):
    """The verb in this process."""
    with pytest.raises(SystemExit) as ended:
        run_program("faceswap", VERBS, "0", ["train", *map(str, arguments)])
    assert ended.value.code == 0


def losses(directory, name):
    log = EventAccumulator(str(directory / "logs"))
    log.Reload()
    return [event.value for event in log.Scalars(f"loss/{name}")]


@pytest.mark.parametrize("recipe", recipe_names("faceswap"))
def test_every_recipe_is_valid(recipe):
    assert load_config(TrainConfig, "faceswap", recipe).model.name


@pytest.mark.slow
@pytest.mark.parametrize("extra", [[], ADVERSARIAL])
def test_two_processes_train_as_one(faces, tmp_path, capsys, extra):
    steps = ("--steps", "20", *LOW_RATE, *extra)
    train(*faces, *QUICK, *steps, "-o", tmp_path / "one")
    assert "1 process(es)" in capsys.readouterr().err
    two = run(launcher("accelerate"), *faces, *QUICK, *steps, "-o", tmp_path / "two")
    assert two.returncode == 0, two.stderr
    assert "2 process(es)" in two.stderr
    assert "terminate called" not in two.stderr
    for name in ("alice", "bob"):
        alone, shared = losses(tmp_path / "one", name), losses(tmp_path / "two", name)
        assert len(alone) == 20
        assert shared == pytest.approx(alone, abs=1e-4)
        assert alone[-1] < alone[0]


@pytest.mark.slow
def test_three_identities_on_two_processes_under_torchrun(faces, make_faceset, tmp_path):
    faces += ["--faces", f"carol={make_faceset(tmp_path / 'carol', shade=(90, 60, 200))}"]
    settings = [*faces, *QUICK, *LOW_RATE, "--steps", "20"]
    train(*settings, "-o", tmp_path / "one")
    two = run(launcher(), *settings, "-o", tmp_path / "two")
    assert two.returncode == 0, two.stderr
    assert "2 process(es)" in two.stderr
    for name in ("alice", "bob", "carol"):
        expected = losses(tmp_path / "one", name)
        assert losses(tmp_path / "two", name) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_two_processes_end_cleanly_ten_times(faces, tmp_path):
    for attempt in range(10):
        ended = run(launcher(), *faces, *QUICK, "--steps", "1", "-o", tmp_path / str(attempt))
        assert ended.returncode == 0, ended.stderr
        assert "terminate called" not in ended.stderr


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_an_interrupted_run_is_saved_and_resumed_by_the_same_command(faces, tmp_path, number):
    out = tmp_path / "run"
    with Started([*ALONE, SCRIPT, *faces, *QUICK, "-o", out]) as started:
        deadline = time.monotonic() + 120
        while not (out / "model").is_dir() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        started.process.send_signal(number)
        [ended] = finish(started, timeout=120)
    assert ended.returncode == 128 + number, ended.stderr
    assert "Stopped and saved" in ended.stderr
    checkpoint = load_checkpoint(out / "checkpoints")
    assert checkpoint is not None
    step = checkpoint.step
    assert load_model(out).meta.step == step
    # Without --faces and --config: both are known.
    resumed = run(ALONE, "-o", out, "--steps", step + 2)
    assert resumed.returncode == 0, resumed.stderr
    assert f"Resumed at step {step}" in resumed.stderr
    assert load_model(out).meta.step == step + 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "v11"], r"Unknown recipe 'v11'[\s\S]*Did you mean 'v1'"),
        (["--set", "optimizer.lrr=1"], r"optimizer.lrr[\s\S]*Did you mean 'optimizer.lr'"),
        (["--set", "optimizer.lr=fast"], r"optimizer.lr"),
        (["--faces", "alice"], r"NAME=FACESET, found 'alice'"),
        (["--faces", "a/b=x"], r"NAME=FACESET, found 'a/b=x'"),
        (["--faces", "carol=nowhere"], r"no faceset in nowhere"),
        (["--set", "data.minimum=50"], r"at least 50 faces of 'alice', found 40"),
        (["--set", "model.options.size=33"], r"multiple of 32"),
    ],
)
def test_error_messages(faces, tmp_path, arguments, said, capsys):
    command = ["train", *faces, *QUICK, *arguments, "-o", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as ended:
        run_program("faceswap", VERBS, "0", command)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert re.search(said, told), told
    assert not (tmp_path / "run").exists()


def test_a_mistake_ends_the_script_with_code_2(tmp_path):
    ended = run(ALONE, "-o", tmp_path / "run", "--faces", "alice=nowhere", "--faces", "bob=nowhere")
    assert ended.returncode == 2
    assert "There is no faceset in nowhere" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_faces_are_grouped_by_identity(tmp_path):
    named = parse_faces(["b=one", "a=two", "b=three", "Zoë.2=x=y"])
    assert list(named.items()) == [
        ("b", [Path("one"), Path("three")]),
        ("a", [Path("two")]),
        ("Zoë.2", [Path("x=y")]),
    ]
    for name in ("10", "9"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "faceset.json").touch()
    named = parse_faces([f"a={tmp_path / 'set'}", f"a={tmp_path / 'set' / '10'}", "a=c"])
    assert named == {
        "a": [tmp_path / "set" / "9", tmp_path / "set" / "10", tmp_path / "set" / "10", Path("c")]
    }
    assert parse_faces(["a=~/two"]) == {"a": [Path.home() / "two"]}
    for wrong in ("=x", "a=", ".a=x", "a b=x"):
        with pytest.raises(IdentityError):
            parse_faces([wrong])
