"""Two hosts on one machine: network namespaces, each with its own disk at the same path."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.core.launched import Started, environment

ADDRESSES = ("10.217.93.1", "10.217.93.2")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@contextmanager
def two_hosts() -> Iterator[tuple[str, str]]:
    """Names of two network namespaces that are connected with each other and with nothing else.

    Skips the test where they cannot be created.
    """
    names = (f"hosta{os.getpid()}", f"hostb{os.getpid()}")
    with ExitStack() as stack:
        try:
            for name in names:
                _run("ip", "netns", "add", name)
                stack.callback(subprocess.run, ["ip", "netns", "del", name])
            ends = [("name", "eth0", "netns", name) for name in names]
            _run("ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1])
            for name, address in zip(names, ADDRESSES, strict=True):
                _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
                for link in ("lo", "eth0"):
                    _run("ip", "-n", name, "link", "set", link, "up")
            _run("ip", "netns", "exec", names[0], "unshare", "--mount", "true")
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", "")
            pytest.skip(f"network namespaces cannot be created here: {error} {told}")
        yield names


def start_on(host: str, disk: Path, place: Path, *command: object, **extra: str):
    """Starts a Python program on a host, which sees its disk at a place.

    Args:
        host: Name of the namespace.
        disk: Folder with the files of the host.
        place: Folder where the host has its files.
        command: Arguments of Python.
        extra: Environment.
    """
    mounted = f'mount --bind "{disk}" "{place}" && exec "$@"'
    separate = ["ip", "netns", "exec", host, "unshare", "--mount", "sh", "-c", mounted, "sh"]
    return Started(
        [*separate, sys.executable, *command], environment(GLOO_SOCKET_IFNAME="eth0", **extra)
    )
