"""Claims to outputs at URLs."""

import json
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from faceswap.core.errors import OutputBusyError, OutputError
from faceswap.core.remote import RemoteFolder
from faceswap.core.remote_claim import ClaimTiming, RemoteClaim, hold_remote

NAME = ".claims/clip.json"


class Clock:
    """Time that passes only while someone waits; ``during`` is called in each wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self.during = lambda: None

    def timing(self) -> ClaimTiming:
        return ClaimTiming(10, 60, 1, lambda: self.now, self.wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.during()


@pytest.fixture
def folder(memory):
    return RemoteFolder.open("memory://out")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shared(monkeypatch):
    """The file system cannot create files exclusively."""
    monkeypatch.setattr(RemoteFolder, "creates_exclusively", False)


def claim(folder: RemoteFolder, clock: Clock) -> RemoteClaim:
    return RemoteClaim(folder, NAME, "memory://out/clip", "the extraction", clock.timing())


def test_a_claim_names_its_holder_and_is_gone_after_the_release(folder, clock):
    first = claim(folder, clock)
    first.acquire()
    assert clock.now == 0
    record = json.loads(folder.read(NAME) or b"")
    assert record["purpose"] == "the extraction"
    first.release()
    assert folder.read(NAME) is None


def test_who_is_alive_is_not_disturbed(folder, clock):
    first, second = claim(folder, clock), claim(folder, clock)
    first.acquire()
    clock.during = first.check
    with pytest.raises(OutputBusyError, match="writes memory://out/clip: the extraction of proc"):
        second.acquire()
    assert clock.now < 60
    first.check()


def test_the_claim_of_the_dead_is_taken_over_when_it_expires(folder, clock):
    dead, second = claim(folder, clock), claim(folder, clock)
    dead.acquire()
    second.acquire()
    assert 60 <= clock.now < 75
    with pytest.raises(OutputBusyError, match="taken over memory://out/clip"):
        dead.check()
    dead.release()  # not what is another's
    second.check()


def test_a_claim_that_is_damaged_expires_too(folder, clock):
    folder.write(NAME, b"{")
    claim(folder, clock).acquire()
    assert clock.now >= 60


def test_a_claim_that_is_released_meanwhile_is_free(folder, clock):
    first, second = claim(folder, clock), claim(folder, clock)
    first.acquire()
    clock.during = first.release
    second.acquire()
    assert clock.now < 10
    second.check()


@pytest.mark.usefixtures("shared")
def test_of_two_who_write_at_once_the_last_has_it(folder, clock):
    first, second = claim(folder, clock), claim(folder, clock)

    def second_writes() -> None:
        clock.during = second.check  # it is alive when the first one watches it
        folder.write(NAME, second._next())

    clock.during = second_writes
    with pytest.raises(OutputBusyError):
        first.acquire()
    second.check()


@pytest.mark.usefixtures("shared")
def test_of_two_who_take_over_at_once_one_has_it(folder, clock):
    dead, first, second = (claim(folder, clock) for _ in range(3))
    dead.acquire()

    def others_write() -> None:
        if clock.now > 60:
            clock.during = second.check
            folder.write(NAME, second._next())

    clock.during = others_write
    with pytest.raises(OutputBusyError):
        first.acquire()
    second.check()


def test_claims_are_kept_alive_in_the_background(folder, clock):
    timing = replace(clock.timing(), beat=0.001)
    changed = threading.Event()
    write = RemoteFolder.write

    def noticed(self, name, content):
        write(self, name, content)
        changed.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RemoteFolder, "write", noticed)
        with hold_remote(folder, NAME, "memory://out/clip", "the extraction", timing):
            before = folder.read(NAME)
            assert changed.wait(30)
            assert folder.read(NAME) != before
    assert folder.read(NAME) is None


def test_a_lost_connection_does_not_end_the_claim(folder, clock, monkeypatch):
    timing = replace(clock.timing(), beat=0.001)
    write, failed, changed = RemoteFolder.write, threading.Event(), threading.Event()

    def failing(self, name, content):
        if not failed.is_set():
            failed.set()
            raise OutputError("The connection was lost.")
        write(self, name, content)
        changed.set()

    monkeypatch.setattr(RemoteFolder, "write", failing)
    with hold_remote(folder, NAME, "memory://out/clip", "the extraction", timing) as held:
        assert failed.wait(30)
        assert changed.wait(30)
        held.check()


_HOLDER = """
import sys, time
from faceswap.core.remote import RemoteFolder
from faceswap.core.remote_claim import ClaimTiming, hold_remote
folder = RemoteFolder.open(sys.argv[1])
with hold_remote(folder, ".claims/clip.json", "out", "the extraction", ClaimTiming(beat=0.05)):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_process_that_is_killed_loses_its_claim(clock, tmp_path):
    folder = RemoteFolder.open(tmp_path.as_uri())
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, folder.url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        alive = replace(clock.timing(), wait=threading.Event().wait, beat=1)
        mine = RemoteClaim(folder, NAME, "out", "the extraction", alive)
        with pytest.raises(OutputBusyError, match=f"process {holder.pid} "):
            mine.acquire()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    claim(folder, clock).acquire()
    assert clock.now >= 60
