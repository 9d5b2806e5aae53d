"""Commands of tests end with all that they started, and say what they printed."""

import sys
import time

import psutil
import pytest

from tests.core.launched import Started, environment, finish, launcher, run_to_end

# It has a session of its own, as the processes of a launcher do, and tells its parent that it runs.
_CHILD = """
import os, time
from pathlib import Path
print("child waits", flush=True)
Path("child").write_text(str(os.getpid()))
time.sleep(600)
"""
_PARENT = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {_CHILD!r}], start_new_session=True)
print("parent waits", file=sys.stderr, flush=True)
def hang():
    time.sleep(600)
{{then}}
"""


def parent(then):
    return [sys.executable, "-c", _PARENT.format(then=then)]


def child(folder):
    """The process that the parent started, when it runs."""
    deadline = time.monotonic() + 60
    while not (folder / "child").is_file() or not (folder / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int((folder / "child").read_text())


def test_what_does_not_end_in_time_says_what_it_printed_and_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started = Started(parent("hang()"))
    number = child(tmp_path)
    with pytest.raises(AssertionError, match=r"Not ended after 0\.5 s") as caught:
        finish(started, timeout=0.5)
    for words in ("child waits", "parent waits", "in hang"):
        assert words in str(caught.value)
    assert not psutil.pid_exists(number)


def test_what_a_command_leaves_is_ended(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    waiting = "from pathlib import Path\nwhile not Path('child').is_file(): time.sleep(0.02)"
    ended = run_to_end(parent(f"{waiting}\nsys.exit(3)"))
    assert (ended.returncode, ended.stderr) == (3, "parent waits\n")
    assert not psutil.pid_exists(child(tmp_path))


def test_a_command_ends_with_its_block(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Started(parent("hang()")) as started:
        number = child(tmp_path)
    assert started.ended().returncode == -9
    assert not psutil.pid_exists(number)


def test_a_command_that_prints_much_does_not_wait_for_a_reader():
    code = "import sys; print('x' * 300_000); print('y' * 300_000, file=sys.stderr)"
    first, second = finish(*(Started([sys.executable, "-c", code]) for _ in range(2)), timeout=60)
    assert first == second == (0, "x" * 300_000 + "\n", "y" * 300_000 + "\n")


def test_launchers_get_ports_of_their_own():
    commands = [launcher(), launcher("accelerate"), launcher("accelerate", processes=None)]
    ports = {word for command in commands for word in command if "port=" in word}
    assert len(ports) == 3
    assert [any("proc" in word for word in command[3:]) for command in commands][:2] == [True] * 2
    assert "--multi_gpu" in commands[1]
    assert "--multi_gpu" not in commands[2]


def test_the_environment_can_be_chosen():
    show = [sys.executable, "-c", "import os; print(os.environ.get('ACCELERATE_USE_CPU'))"]
    assert run_to_end(show).stdout == "1\n"
    assert run_to_end(show, environment(ACCELERATE_USE_CPU="no")).stdout == "no\n"
