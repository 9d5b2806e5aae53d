import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest
from filelock import FileLock

from faceswap.core.errors import OutputBusyError
from faceswap.core.files import atomic_path, name_key
from faceswap.core.locks import LOCK, check_free, hold_file, hold_folder

HOLD = """
import sys, time
from pathlib import Path
from faceswap.core.files import atomic_directory, atomic_path
from faceswap.core.locks import hold_file, hold_folder
hold = hold_folder if sys.argv[1] == "folder" else hold_file
output = Path(sys.argv[2])
with hold(output, "the training"):
    inside = output / "model" if sys.argv[1] == "folder" else output
    with atomic_path(inside) as file, atomic_directory(inside.with_name("checkpoint")) as folder:
        file.write_text("half")
        (folder / "half").touch()
        print("held", flush=True)
        time.sleep(60)
"""


def start_holder(kind: str, output: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, str(output)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_second_writer_learns_who_holds_the_folder(tmp_path: Path) -> None:
    output = tmp_path / "run"
    holder = start_holder("folder", output)
    try:
        with (
            pytest.raises(OutputBusyError, match=rf"the training of process {holder.pid} on"),
            hold_folder(output, "another training"),
        ):
            pass
        assert len(list(output.glob(".tmp-*"))) == 2  # the work of the first is untouched
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_written_is_not_free(tmp_path: Path, kind: str) -> None:
    output = tmp_path / "out"
    holder = start_holder(kind, output)
    try:
        places = [output] if kind == "folder" else [output, tmp_path]
        for place in places:
            with pytest.raises(OutputBusyError, match=f"the training of process {holder.pid} on"):
                check_free(place)
        check_free(tmp_path / "other")
    finally:
        holder.kill()
        holder.wait()
    check_free(output)
    with hold_file(tmp_path / "own", "the training"):
        check_free(tmp_path)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_killed_writer_blocks_nobody_and_its_leftovers_are_cleared(
    tmp_path: Path, kind: str
) -> None:
    output = tmp_path / "out"
    holder = start_holder(kind, output)
    holder.kill()
    holder.wait()
    hold = hold_folder if kind == "folder" else hold_file
    with hold(output, "the next one"):
        left = {path.name[:5] for path in tmp_path.rglob("*") if path.is_file()}
    # Beside a file only its own leftovers are cleared: the others may belong to a running process.
    assert left == ({".lock"} if kind == "folder" else {".lock", "half"})


def test_locks_leave_nothing(tmp_path: Path) -> None:
    with hold_folder(tmp_path / "empty", "a test"), hold_file(tmp_path / "a.mp4", "a test"):
        assert (tmp_path / "empty" / LOCK).exists()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_a_lock_is_removed_leaves_nothing_locked(tmp_path, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    # The raised error refers to the lock, which Python would release otherwise.
    with (
        pytest.raises(KeyboardInterrupt) as raised,
        monkeypatch.context() as patch,
        hold_folder(tmp_path, "the first work"),
    ):
        patch.setattr(Path, "unlink", interrupted)
    with hold_folder(tmp_path, "the second work"):
        assert raised.tb is not None


def test_files_of_one_folder_have_locks_of_their_own(tmp_path: Path) -> None:
    running = tmp_path / "b.mp4"
    with (
        hold_file(tmp_path / "a.mp4", "a test"),
        hold_file(running, "a test"),
        atomic_path(running) as file,
    ):
        file.write_bytes(b"frames")
        with pytest.raises(OutputBusyError), hold_file(tmp_path / "a.mp4", "a test"):
            pass
        with hold_file(tmp_path / "c.mp4", "a test"):
            assert file.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]


def test_files_written_together_are_locked_together(tmp_path: Path) -> None:
    video, report = tmp_path / "a.mp4", tmp_path / "a.mp4.json"
    with (
        hold_file(video, "a test", [report]),
        pytest.raises(OutputBusyError, match=r"a\.mp4\.json"),
        hold_file(report, "a test"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_who_waits_gets_the_lock_in_the_end(tmp_path: Path) -> None:
    holder = start_holder("file", tmp_path / "cache")
    timer = Timer(0.5, holder.kill)
    timer.start()
    with hold_file(tmp_path / "cache", "a test", wait=True):
        assert holder.wait() != 0
        assert not list(tmp_path.glob(f".tmp-{name_key('cache')}*"))


def test_two_processes_never_hold_one_output(tmp_path: Path) -> None:
    taker = """
import os, sys, time
from pathlib import Path
from faceswap.core.errors import OutputBusyError
from faceswap.core.locks import hold_file
output, inside = Path(sys.argv[1]), Path(sys.argv[2])
end = time.monotonic() + 2
while time.monotonic() < end:
    try:
        with hold_file(output, "a test"):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            inside.unlink()
    except OutputBusyError:
        pass
"""
    arguments = [sys.executable, "-c", taker, str(tmp_path / "out"), str(tmp_path / "inside")]
    takers = [subprocess.Popen(arguments, env=os.environ) for _ in range(3)]
    assert [process.wait(timeout=60) for process in takers] == [0, 0, 0]


def test_the_temporary_file_of_a_temporary_file_is_cleared(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "out.mkv") as first, atomic_path(first) as second:
        names = [first.name, second.name]
        first.touch()
        second.touch()
    for name in names:
        (tmp_path / name).touch()
        (tmp_path / f"{name}.c2pa").touch()
    with hold_file(tmp_path / "out.mkv", "the conversion"):
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp")]


@pytest.mark.parametrize(
    ("kind", "running", "held"),
    [
        ("file", "out/clip.mp4", "out"),
        ("file", "run/converted/clip.mp4", "run"),
        ("folder", "run/converted", "run"),
        ("folder", "run", "run/checkpoints"),
        ("folder", "run", "run/data/crops"),
    ],
)
def test_a_folder_is_held_while_others_write_in_or_around_it(
    tmp_path: Path, kind: str, running: str, held: str
) -> None:
    holder = start_holder(kind, tmp_path / running)
    (tmp_path / held).mkdir(parents=True, exist_ok=True)
    mine = tmp_path / held / f".tmp-{name_key('x')}-00000000"
    mine.touch()
    try:
        with hold_folder(tmp_path / held, "the evaluation"):
            live = [path for path in tmp_path.rglob(".tmp-*") if path != mine]
            assert len(live) == 2
    finally:
        holder.kill()
        holder.wait()
    with hold_folder(tmp_path / held, "the evaluation"):
        assert not mine.exists()  # once the other is gone


def test_an_unreadable_folder_inside_stops_nobody(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "lost+found").mkdir()
    scan = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with hold_folder(tmp_path, "a test"):
        pass


@pytest.mark.parametrize("there", [True, False])
def test_a_lock_that_may_not_be_opened_is_explained(
    tmp_path: Path, monkeypatch, there: bool
) -> None:
    def refuse(self: FileLock, **options: float) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / LOCK))

    monkeypatch.setattr(FileLock, "acquire", refuse)
    if there:
        (tmp_path / LOCK).touch()
        with (
            pytest.raises(OutputBusyError, match="belongs to another user"),
            hold_folder(tmp_path, "a test"),
        ):
            pass
    else:
        with pytest.raises(PermissionError) as raised, hold_folder(tmp_path, "a test"):
            pass
        assert raised.value.filename == str(tmp_path)


def test_nothing_is_written_into_a_lock_file(tmp_path: Path) -> None:
    with hold_folder(tmp_path, "a test"):
        assert (tmp_path / LOCK).read_bytes() == b""
        assert json.loads((tmp_path / ".lock-holder").read_bytes())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_does_not_prevent_a_lock(tmp_path: Path, monkeypatch) -> None:
    def full(self: Path, *args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with hold_folder(tmp_path, "a test"):
        assert (tmp_path / LOCK).exists()


NO_FLOCK = """
import errno, fcntl, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
def missing(descriptor, operation):
    raise OSError(errno.ENOSYS, "Function not implemented")
fcntl.flock = missing
from faceswap.core.locks import hold_folder
with hold_folder(Path(sys.argv[1]), "a test"):
    (Path(sys.argv[1]) / "result").touch()
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_without_flock_one_writes_and_a_kill_blocks_nobody(tmp_path: Path) -> None:
    output = tmp_path / "run"
    command = [sys.executable, "-c", NO_FLOCK, str(output)]
    holder = subprocess.Popen([*command, "60"], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    second = subprocess.run([*command, "0"], capture_output=True, text=True)
    holder.kill()
    holder.wait()
    assert "OutputBusyError" in second.stderr
    third = subprocess.run([*command, "0"], capture_output=True, text=True)
    assert third.stdout == "held\n", third.stderr
    assert [path.name for path in output.iterdir()] == ["result"]
