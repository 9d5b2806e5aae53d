"""Processes of one training, each started as if it were alone on its machine."""

import os
import socket
import subprocess
import sys
from pathlib import Path

_REPO = Path(__file__).resolve().parents[2]


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(**extra):
    """Environment of a process that trains on the CPU, with this repository."""
    path = os.pathsep.join([str(_REPO), os.environ.get("PYTHONPATH", "")])
    shared = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    return {**os.environ, **shared, **extra}


def start_machines(*commands, port=None):
    """Starts a process on each of several machines that share no disk, by their arguments."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port or free_port())}
    shared |= {"WORLD_SIZE": str(len(commands)), "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    return [
        subprocess.Popen(
            [sys.executable, *map(str, command)],
            env=environment(RANK=str(rank), **shared),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, command in enumerate(commands)
    ]


def end_machines(processes, timeout=120):
    """Return codes and error outputs of processes, in their order."""
    try:
        told = [process.communicate(timeout=timeout)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], told
