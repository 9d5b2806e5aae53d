"""Kills worker processes and nodes of a Ray cluster at random while a command runs.

    python tools/cluster/two_nodes.py -- \
        python tools/cluster/chaos.py --workers 6 --nodes 2 --seed 1 --log kills.txt -- \
        faceswap extract clips/ -o faces --engine ray --address auto

A worker process is an actor of Ray Data (`ray::MapWorker...`), killed with SIGKILL. A node is the
worker node of two_nodes.py, which is killed whole and started again. Order, pauses and victims
come from the seed; which processes exist at a moment does not. Each kill is a line of the log:
time in seconds since the start of the command, kind, process id, and title of the process.

The exit code is that of the command; it is 3 if the command ended well before all kills were done,
so that a proof cannot pass without them.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import psutil

KILLS_MISSING = 3


def workers(folder: str, title: str) -> list[psutil.Process]:
    """The worker processes whose raylet belongs to a cluster.

    Args:
        folder: Folder that the arguments of the cluster's raylets contain; empty for any raylet.
        title: Start of the processes' titles.

    Returns:
        The processes, in the order of their ids.
    """
    found = []
    for process in psutil.process_iter():
        try:
            parent = process.parent()
            if (
                process.cmdline()[:1]
                and process.cmdline()[0].startswith(title)
                and parent is not None
                and parent.name() == "raylet"
                and any(folder in argument for argument in parent.cmdline())
            ):
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.pid)


def kills(options: argparse.Namespace, chance: random.Random) -> Iterator[tuple[float, str]]:
    """Pause in seconds before each kill, and its kind."""
    kinds = ["worker"] * options.workers + ["node"] * options.nodes
    chance.shuffle(kinds)
    for kind in kinds:
        yield chance.uniform(options.shortest, options.longest), kind


def pause(command: subprocess.Popen, seconds: float) -> bool:
    """Wait; returns whether the command still runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and command.poll() is None:
        time.sleep(0.05)
    return command.poll() is None


def kill_worker(
    command: subprocess.Popen, options: argparse.Namespace, chance: random.Random
) -> str | None:
    """Kill one worker process, waiting until there is one.

    Returns:
        Its id and title; None if the command ended first.
    """
    while command.poll() is None:
        alive = workers(options.folder, options.title)
        if alive:
            victim = chance.choice(alive)
            title = " ".join(victim.cmdline()).strip()
            victim.kill()
            return f"{victim.pid} {title}"
        time.sleep(0.2)
    return None


def kill_node(command: subprocess.Popen, options: argparse.Namespace) -> str | None:
    """Kill the worker node of two_nodes.py and start it again after a while.

    Returns:
        The process id of two_nodes.py; None if the command ended before the node was started.
    """
    os.kill(options.two_nodes, signal.SIGUSR1)
    if not pause(command, options.node_absent):
        return None
    os.kill(options.two_nodes, signal.SIGUSR2)
    return str(options.two_nodes)


def disturb(command: subprocess.Popen, options: argparse.Namespace, log: TextIO) -> int:
    """Kill what the options ask for while the command runs.

    Args:
        command: The running command.
        options: Options of the command line.
        log: File that gets a line for each kill.

    Returns:
        The number of kills that were done.
    """
    chance = random.Random(options.seed)
    start = time.monotonic()
    done = 0
    for seconds, kind in kills(options, chance):
        if not pause(command, seconds):
            break
        moment = time.monotonic() - start
        killed = (
            kill_worker(command, options, chance)
            if kind == "worker"
            else kill_node(command, options)
        )
        if killed is None:
            break
        done += 1
        print(f"{moment:.1f} {kind} {killed}", file=log, flush=True)
    return done


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=3, help="Worker processes to kill.")
    parser.add_argument("--nodes", type=int, default=0, help="Kills of the worker node.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path("kills.txt"))
    parser.add_argument("--shortest", type=float, default=2, help="Pause before a kill, seconds.")
    parser.add_argument("--longest", type=float, default=10)
    parser.add_argument("--node-absent", type=float, default=10, help="Seconds without the node.")
    parser.add_argument("--title", default="ray::MapWorker", help="Start of the processes' titles.")
    parser.add_argument(
        "--folder",
        default=os.environ.get("TWO_NODES_FOLDER", ""),
        help="Only workers of the cluster with this --temp-dir; default: that of two_nodes.py.",
    )
    parser.add_argument(
        "--two-nodes",
        type=int,
        default=int(os.environ.get("TWO_NODES_PID", "0")),
        metavar="PID",
        help="Process of two_nodes.py, for --nodes.",
    )
    parser.add_argument("command", nargs="+", help="Command to run, after `--`.")
    options = parser.parse_args()
    if options.nodes and not options.two_nodes:
        parser.error("--nodes needs two_nodes.py: run this program by it, or give --two-nodes PID.")
    return options


def main() -> int:
    """Run the command and kill at random.

    Returns:
        The exit code of the command, or 3 if it ended well before all kills were done.
    """
    options = arguments()
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the command
    command = subprocess.Popen(options.command)
    signal.signal(signal.SIGTERM, lambda *_: command.terminate())
    with options.log.open("w") as log:
        done = disturb(command, options, log)
    code = command.wait()
    code = code if code >= 0 else 128 - code
    asked = options.workers + options.nodes
    print(f"chaos: {done} of {asked} kills, see {options.log}", file=sys.stderr)
    return KILLS_MISSING if code == 0 and done < asked else code


if __name__ == "__main__":
    sys.exit(main())
