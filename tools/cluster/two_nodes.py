"""Two Ray nodes on one Linux machine, each in a network namespace of its own.

    python tools/cluster/two_nodes.py -- faceswap extract clips/ --engine ray --address auto

The head runs in one namespace, the worker node in the other, and a bridge joins them. The command
runs beside the head, with RAY_ADDRESS set, and its exit code is returned. Everything is removed at
the end, also after Ctrl-C. Needs Linux, root and `ip` of iproute2; without them, `--isolation
addresses` starts both nodes with addresses of the loopback interface.

While the command runs, all processes of the worker node can be killed, and it can be started again:

    --kill-node 20 --start-node 40      # seconds after the start of the command
    kill -USR1 PID                      # PID of this program, TWO_NODES_PID for the command
    kill -USR2 PID
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

PORT = 6379
DASHBOARD_PORT = 8265


class Machine(Protocol):
    """A place where one node runs.

    Attributes:
        address: IPv4 address of the node.
    """

    address: str

    def command(self, command: Sequence[str]) -> list[str]:
        """The command that runs another one in this place."""
        ...

    def processes(self) -> list[int]:
        """Process ids of all processes in this place."""
        ...

    def remove(self) -> None:
        """Remove the place; its processes have ended."""
        ...


@dataclass
class Namespace:
    """A network namespace with one interface on a bridge.

    Attributes:
        name: Name of the namespace, at most 12 characters.
        address: IPv4 address of its interface.
    """

    name: str
    address: str

    def create(self, bridge: str) -> "Namespace":
        """Create the namespace and join it to the bridge."""
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", f"{self.name}-o", "type", "veth", "peer", "name", f"{self.name}-i")
        run("ip", "link", "set", f"{self.name}-o", "master", bridge, "up")
        run("ip", "link", "set", f"{self.name}-i", "netns", self.name)
        inside = ("ip", "-n", self.name)
        run(*inside, "address", "add", f"{self.address}/24", "dev", f"{self.name}-i")
        run(*inside, "link", "set", f"{self.name}-i", "up")
        run(*inside, "link", "set", "lo", "up")
        return self

    def command(self, command: Sequence[str]) -> list[str]:
        """The command, executed in the namespace."""
        return ["ip", "netns", "exec", self.name, *command]

    def processes(self) -> list[int]:
        """Process ids of all processes in the namespace."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in listed.stdout.split()]

    def remove(self) -> None:
        """Remove the namespace; its interfaces disappear with it."""
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", f"{self.name}-o"], check=False, capture_output=True)


@dataclass
class Loopback:
    """An address of the loopback interface.

    Attributes:
        address: IPv4 address, 127.0.0.x.
        folder: Ray's folder of the node, which its processes name in their arguments.
    """

    address: str
    folder: Path

    def command(self, command: Sequence[str]) -> list[str]:
        """The command as it is."""
        return list(command)

    def processes(self) -> list[int]:
        """Process ids of the node's processes and of their children."""
        found = [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(str(self.folder) in argument for argument in process.info["cmdline"] or ())
            and process.pid != os.getpid()
        ]
        children = [child for process in found for child in process.children(recursive=True)]
        return sorted({process.pid for process in [*found, *children]})

    def remove(self) -> None:
        """Nothing to remove."""


@dataclass
class Node:
    """One Ray node.

    Attributes:
        machine: Place where it runs.
        arguments: Arguments of `ray start`.
        environment: Environment of its processes.
        log: File that gets the output of `ray start`.
    """

    machine: Machine
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path

    def start(self) -> None:
        """Start the node; returns when it has joined.

        Raises:
            SystemExit: If `ray start` fails, with its output.
        """
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", *self.arguments]
        with self.log.open("a") as log:
            started = subprocess.run(
                self.machine.command(ray),
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C in the terminal is for the command alone
                check=False,
            )
        if started.returncode:
            sys.exit(f"`ray start` failed on {self.machine.address}:\n{self.log.read_text()}")

    def kill(self) -> None:
        """End all processes of the node at once, without warning."""
        for _ in range(100):
            pids = self.machine.processes()
            if not pids:
                return
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)
        sys.exit(f"Processes of {self.machine.address} do not end: {self.machine.processes()}.")


def run(*command: str) -> None:
    """Run a command; ends this program with its error output if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpus", type=int, default=1, help="CPUs of the head (default: 1).")
    parser.add_argument("--worker-cpus", type=int, default=1, help="CPUs of the worker node.")
    parser.add_argument("--object-store", type=int, default=100, help="MiB each, at least 75.")
    parser.add_argument("--isolation", choices=["namespaces", "addresses"], default="namespaces")
    parser.add_argument(
        "--dashboard", action="store_true", help="Start the job server too; needs ray[default]."
    )
    parser.add_argument("--kill-node", type=float, metavar="SECONDS", help="Kill the worker node.")
    parser.add_argument("--start-node", type=float, metavar="SECONDS", help="Start it again.")
    parser.add_argument("--keep-logs", type=Path, metavar="FOLDER", help="Copy Ray's logs there.")
    parser.add_argument("command", nargs="+", help="Command to run beside the head, after `--`.")
    return parser.parse_args()


def places(isolation: str, folder: Path) -> tuple[Machine, Machine, Callable[[], None]]:
    """The places of head and worker node, and the function that removes them."""
    if isolation == "addresses":
        head = Loopback("127.0.0.2", folder / "head")
        return head, Loopback("127.0.0.3", folder / "worker"), lambda: None
    if shutil.which("ip") is None or os.geteuid() != 0:
        sys.exit("Network namespaces need root and `ip` of iproute2. Or add --isolation addresses.")
    bridge, subnet = f"fs{os.getpid()}", f"198.18.{os.getpid() % 256}"
    created: list[Namespace] = []

    def remove() -> None:
        for namespace in created:
            namespace.remove()
        subprocess.run(["ip", "link", "delete", bridge], check=False, capture_output=True)

    try:
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        for letter, number in (("h", 2), ("w", 3)):
            namespace = Namespace(f"{bridge}{letter}", f"{subnet}.{number}")
            created.append(namespace)
            namespace.create(bridge)
    except SystemExit:
        remove()
        raise
    return created[0], created[1], remove


def environment(head: Machine, folder: Path) -> dict[str, str]:
    """The environment of nodes and command."""
    return os.environ | {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ADDRESS": f"{head.address}:{PORT}",
        "TWO_NODES_PID": str(os.getpid()),
        "TWO_NODES_FOLDER": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def nodes(
    options: argparse.Namespace, head: Machine, worker: Machine, variables: Mapping[str, str]
) -> list[Node]:
    """Head and worker node, not yet started."""
    folder = Path(variables["TWO_NODES_FOLDER"])
    to_start = {name: value for name, value in variables.items() if name != "RAY_ADDRESS"}
    store = f"--object-store-memory={options.object_store << 20}"
    first = [
        "--head",
        f"--port={PORT}",
        f"--num-cpus={options.cpus}",
        f"--include-dashboard={options.dashboard}",
        "--dashboard-host=0.0.0.0",
        f"--dashboard-port={DASHBOARD_PORT}",
    ]
    second = [f"--address={head.address}:{PORT}", f"--num-cpus={options.worker_cpus}"]
    return [
        Node(
            machine,
            [*own, f"--node-ip-address={machine.address}", f"--temp-dir={folder / name}", store],
            to_start,
            folder / f"{name}.log",
        )
        for machine, own, name in ((head, first, "head"), (worker, second, "worker"))
    ]


def supervise(process: subprocess.Popen, worker: Node, options: argparse.Namespace) -> int:
    """Wait for the command, and kill and start the worker node when asked to.

    Args:
        process: The running command.
        worker: The worker node.
        options: Options of the command line.

    Returns:
        The exit code of the command; 128 and the number of the signal that ended it.
    """
    asked: list[Callable[[], None]] = []
    signal.signal(signal.SIGUSR1, lambda *_: asked.append(worker.kill))
    signal.signal(signal.SIGUSR2, lambda *_: asked.append(worker.start))
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    timed = [(options.kill_node, worker.kill), (options.start_node, worker.start)]
    pending = sorted(((at, do) for at, do in timed if at is not None), key=lambda item: item[0])
    start = time.monotonic()
    while process.poll() is None:
        while pending and time.monotonic() - start >= pending[0][0]:
            asked.append(pending.pop(0)[1])
        while asked:
            action = asked.pop(0)
            action()
            print(f"two_nodes: {action.__name__} worker node", file=sys.stderr, flush=True)
        time.sleep(0.05)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def main() -> int:
    """Start both nodes, run the command, and remove everything.

    Returns:
        The exit code of the command.
    """
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="fs"))  # short: paths of Ray's sockets end at 107 bytes
    remove: Callable[[], None] = lambda: None  # noqa: E731
    started: list[Node] = []
    try:
        head, worker, remove = places(options.isolation, folder)
        variables = environment(head, folder)
        for node in nodes(options, head, worker, variables):
            started.append(node)
            node.start()
        # Ctrl-C in the terminal reaches the command too, which ends as it likes; then this ends.
        signal.signal(signal.SIGINT, lambda *_: None)
        process = subprocess.Popen(head.command(options.command), env=variables)
        return supervise(process, started[1], options)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for node in started:
            node.kill()
        remove()
        if options.keep_logs:
            shutil.copytree(folder, options.keep_logs, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
