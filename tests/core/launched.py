"""Processes of one training: by a launcher, or each started as if it were alone on its machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple, Self
from uuid import uuid4

import psutil

_REPO = Path(__file__).resolve().parents[2]
_MARK = "FACESWAP_TEST_FAMILY"
_DYING_S = 10  # time to write stacks


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int | None
    stdout: str
    stderr: str


class Started:
    """A running command; at the end of the block it ends, with all that it has started.

    A launcher's processes have sessions of their own, and outlive it when it is killed: the command
    and all below it are known by their environment. What they print goes to files, so that none of
    them ever waits for a reader.

    Args:
        command: Program and arguments.
        env: Environment; None for that of a training on the CPU.

    Attributes:
        process: The command.
    """

    def __init__(self, command, env=None):
        self._family = uuid4().hex
        self._outputs = [TemporaryFile(), TemporaryFile()]  # noqa: SIM115 (closed with this object)
        self.process = subprocess.Popen(
            list(map(str, command)),
            env={**(environment() if env is None else env), _MARK: self._family},
            stdout=self._outputs[0],
            stderr=self._outputs[1],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def ended(self) -> Ended:
        """Return code, None while it runs, and what it has printed so far."""
        printed = []
        for output in self._outputs:
            output.seek(0)
            printed.append(output.read().decode(errors="replace"))
        return Ended(self.process.poll(), *printed)

    def end(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the command and all that it has started, and kills what remains."""
        others = [member for member in self._members() if member.pid != self.process.pid]
        # One after the other: they may write the stacks of their threads to the same file.
        for sent in (number, signal.SIGKILL):
            self.process.send_signal(sent)
            # By its own object: psutil would take the return code away.
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_DYING_S)
            for member in others:
                with suppress(psutil.NoSuchProcess):
                    member.send_signal(sent)
                    psutil.wait_procs([member], _DYING_S)

    def _members(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get(_MARK) == self._family:
                    found.append(process)
        return found


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(**extra):
    """Environment of a process that trains on the CPU, with this repository."""
    path = os.pathsep.join([str(_REPO), os.environ.get("PYTHONPATH", "")])
    shared = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    # A process that is aborted prints the stacks of its threads.
    return {**os.environ, **shared, "PYTHONFAULTHANDLER": "1", **extra}


def launcher(name="torchrun", *options, processes: int | None = 2):
    """Beginning of a command that launches a script, on a port of its own.

    Args:
        name: ``torchrun`` or ``accelerate``.
        options: Further options of the launcher.
        processes: Number of processes; None for that of the options.
    """
    port = free_port()
    if name == "torchrun":
        words = ["torch.distributed.run", f"--master-port={port}"]
        counted = [f"--nproc-per-node={processes}"]
    else:
        words = ["accelerate.commands.launch", f"--main_process_port={port}"]
        counted = ["--multi_gpu", f"--num_processes={processes}"]
    return [sys.executable, "-m", *words, *(counted if processes else []), *options]


def run_to_end(command, env=None, timeout: float = 300):
    """Runs a command to its end, see ``Started`` and ``finish``."""
    return finish(Started(command, env), timeout=timeout)[0]


def finish(*started, timeout: float = 300):
    """How commands ended, in their order.

    Raises:
        AssertionError: They have not ended within ``timeout`` seconds; the message has what they
            printed, and the stacks of the threads of those in Python.
    """
    deadline = time.monotonic() + timeout
    try:
        for each in started:
            each.process.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        for each in started:
            each.end(signal.SIGABRT)
        told = "\n".join(f"{each.process.args}: {each.ended()}" for each in started)
        raise AssertionError(f"Not ended after {timeout} s.\n{told}") from None
    finally:
        for each in started:
            each.end()
    return [each.ended() for each in started]


def start_machines(*commands, port=None):
    """Starts a process on each of several machines that share no disk, by their arguments."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port or free_port())}
    # Each takes its part of the cores. With more threads than cores, those of a process wait for
    # each other in loops, and a convolution has hung there.
    count = str(len(commands))
    shared |= {"WORLD_SIZE": count, "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": count}
    return [
        Started([sys.executable, *command], environment(RANK=str(rank), **shared))
        for rank, command in enumerate(commands)
    ]


def end_machines(processes, timeout=300):
    """Return codes and error outputs of processes, in their order."""
    ended = finish(*processes, timeout=timeout)
    return [each.returncode for each in ended], [each.stderr for each in ended]
