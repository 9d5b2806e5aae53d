"""The engine for clusters: Ray Data plans items, does their parts and streams what came of them.

An item is planned by a small pool of processes, its parts go one by one to workers that hold the
networks, and the driver has an item finished when all of its parts have arrived. Results are files
in a folder that all machines share; only small rows travel. A worker or a machine that is lost in
the middle costs the parts it was doing, which are done again; a part that ends its process several
times is reported. If the driver is lost, the same command does what is left.
"""

import logging
import os
import secrets
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from faceswap.core.errors import ConfigError, StorageFullError, WeightsUnavailable
from faceswap.core.optional import require
from faceswap.engines.joining import Joining, PartRow
from faceswap.engines.ledger import Ledger
from faceswap.engines.ray_capacity import Capacity, has_gpus
from faceswap.engines.ray_finishing import Finishers
from faceswap.engines.ray_processes import Planner, Worker
from faceswap.engines.work import Item, Outcome, PartResult, Work

R = TypeVar("R")

_WAVE = 10_000  # items of one data set: Ray keeps an entry for each of them
_PATIENCE_S = 10.0
_STORE_BYTES = 200 << 20  # of shared memory on a machine without a cluster: rows are small
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    # A job may have set variables of this program for all of its processes already.
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
}


@dataclass(frozen=True)
class RayOptions:
    """How a cluster is used.

    Attributes:
        address: Address of the cluster, "auto" for the one that runs on this machine, or "" for
            ``RAY_ADDRESS``, or else for processes on this machine alone.
        tries: Times that a part, or the planning or joining of an item, may end its process before
            it is reported.
        device: Device of the networks: "cuda" for a GPU for each worker, "auto" for that where the
            cluster has GPUs and for "cpu" otherwise.
    """

    address: str = ""
    tries: int = 3
    device: str = "auto"


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        items: Number of finished items, those that failed included.
        failed: Number of items that failed.
        parts: Number of parts that were done.
        frames: Number of frames that were processed.
        seconds: Seconds since the first item was planned.
    """

    items: int = 0
    failed: int = 0
    parts: int = 0
    frames: int = 0
    seconds: float = 0.0


class RayEngine:
    """A connection to a cluster.

    Args:
        ray: The library, connected.
        options: Address and resources of the cluster.

    Attributes:
        device: Device of the networks, other than "auto".
    """

    def __init__(self, ray: Any, options: RayOptions) -> None:
        self._ray = ray
        self._tries = options.tries
        self.device = options.device
        if self.device == "auto":
            self.device = "cuda" if has_gpus(ray.nodes()) else "cpu"

    def run(
        self,
        work: Work[R],
        items: Sequence[Item],
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Iterator[Outcome[R]]:
        """Does the work of a verb.

        Args:
            work: Work.
            items: Items that it is done on.
            on_progress: Callback after each part and each item.

        Yields:
            How the work on each item ended, in the order of the items if the work is ordered.

        Raises:
            StorageFullError: A disk is full: every other item would fail in the same way.
            WeightsUnavailable: Weights are missing, which all need.
            ConfigError: A process of the cluster cannot begin to work.
        """
        capacity = Capacity.of(self._ray.nodes(), gpus=self.device == "cuda")
        yield from _Run(self._ray, work, items, self._tries, capacity, on_progress).outcomes()


@contextmanager
def connected(options: RayOptions) -> Iterator[RayEngine]:
    """Connects to a cluster, or starts processes on this machine, for the duration of the block.

    Args:
        options: Address and resources of the cluster.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: There is no cluster at the address, or it cannot be used.
    """
    set_before = os.environ.get("RAY_ADDRESS", "")
    address = options.address or set_before
    if address == "auto" and set_before:
        address = set_before
    given = dict(_SETTINGS)
    if not address and "ray" not in sys.modules:  # it reads them once
        # Ray listens on the network: processes of this machine alone obey nobody else.
        given |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in given.items():
        os.environ.setdefault(name, value)
    _check_answers(address)
    ray = require("ray", "ray")
    for module in ("data", "exceptions", "util.scheduling_strategies"):
        require(f"ray.{module}", "ray")
    alone = {} if address else {"object_store_memory": _STORE_BYTES, "include_dashboard": False}
    shared = {name: value for name, value in os.environ.items() if name.startswith("FACESWAP_")}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": shared} if shared else None,
            **alone,
        )
    except ConnectionError as error:
        raise _no_cluster(address) from error
    except (ValueError, RuntimeError, ray.exceptions.RayError) as error:
        cause = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"The cluster at {address or 'this machine'} cannot be used: {cause}",
            "Give HOST:PORT of its head, with the versions of Ray and Python and the token of it.",
        ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield RayEngine(ray, options)
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Checks that something listens at an address ``HOST:PORT``: Ray would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        try:
            socket.create_connection((host, int(port)), _PATIENCE_S).close()
        except (OSError, UnicodeError) as error:
            raise _no_cluster(address) from error


def _no_cluster(address: str) -> ConfigError:
    return ConfigError(
        f"There is no cluster at {address}.",
        "Start one with `ray start --head`, or omit --address to use this machine alone.",
    )


class _Run:
    """One run on a cluster, seen from its driver."""

    def __init__(
        self,
        ray: Any,
        work: Work[Any],
        items: Sequence[Item],
        tries: int,
        capacity: Capacity,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._ray = ray
        self._items = items
        self._capacity = capacity
        self._report = on_progress
        self._progress = Progress()
        self._begun = time.monotonic()
        self._joining = Joining(ordered=work.ordered)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        name = f"faceswap-{uuid.uuid4().hex}"
        self._ledger = (
            ray.remote(Ledger).options(name=name, num_cpus=0, scheduling_strategy=here).remote()
        )
        self._station = {
            "work": work,
            "folder": str(Path.cwd()),
            "ledger": name,
            "tries": tries,
        }
        finishers = 1 if work.ordered else capacity.machines
        self._finishers = Finishers(ray, self._station, finishers, capacity.helper_gpu)

    def outcomes(self) -> Iterator[Outcome[Any]]:
        """Runs everything; see ``RayEngine.run``."""
        try:
            yield from self._outcomes()
        except self._ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            raise ConfigError(
                f"The cluster cannot do the work: {cause}",
                "Each machine needs the same program, footage, working directory and output: "
                "see docs/cluster.md.",
            ) from error

    def _outcomes(self) -> Iterator[Outcome[Any]]:
        self._finishers.check()
        for first in range(0, len(self._items), _WAVE):
            for row in self._rows(first):
                _raise_fatal(row.fatal, row.reason)
                self._count(row)
                for pending in self._joining.add(row):
                    self._finishers.add(pending, self._items[pending.number])
                yield from self._finished(wait=False)
        yield from self._finished(wait=True)

    def _rows(self, first: int) -> Iterator[PartRow]:
        """What came of the parts of a wave of items, in any order."""
        data = self._ray.data
        context = data.DataContext.get_current().copy()
        context.target_max_block_size = 1  # each part is a block: it goes to any worker, and back
        context.execution_no_progress_timeout_s = -1  # a part may take as long as it takes
        context.autoscaling_config.actor_pool_util_upscaling_threshold = 1.0
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        wave = self._items[first : first + _WAVE]
        rows = [{"item": (number, item)} for number, item in enumerate(wave, first)]
        capacity = self._capacity
        with data.DataContext.current(context):
            dataset = (
                data.from_items(rows, override_num_blocks=len(rows))
                .flat_map(
                    Planner,
                    fn_constructor_kwargs=self._station,
                    num_cpus=0,  # with workers on all CPUs, it would never begin
                    num_gpus=capacity.helper_gpu,
                    # One item at a time: of two that are repeated, the second could come first,
                    # and wait for parts of the first.
                    compute=data.ActorPoolStrategy(
                        min_size=1, max_size=capacity.machines, max_tasks_in_flight_per_actor=1
                    ),
                )
                .map_batches(
                    Worker,
                    fn_constructor_kwargs=self._station,
                    batch_size=1,
                    batch_format="numpy",
                    num_cpus=1,
                    num_gpus=capacity.worker_gpu,
                    compute=data.ActorPoolStrategy(
                        min_size=1,
                        initial_size=capacity.workers,
                        max_tasks_in_flight_per_actor=1,
                    ),
                )
            )
            # One batch is one row, which comes as soon as it is there.
            for batch in dataset.iter_batches(
                batch_size=None, batch_format="numpy", prefetch_batches=0
            ):
                yield from batch["row"]

    def _count(self, row: PartRow) -> None:
        result = row.result or PartResult(0)
        self._progress = replace(
            self._progress,
            parts=self._progress.parts + (row.part >= 0),
            frames=self._progress.frames + result.frames,
            seconds=time.monotonic() - self._begun,
        )
        self._report(self._progress)

    def _finished(self, *, wait: bool) -> Iterator[Outcome[Any]]:
        """Yields the items that have ended."""
        for pending, (report, reason, fatal) in self._finishers.ended(wait=wait):
            _raise_fatal(fatal, reason)
            self._ledger.drop.remote(pending.number)
            self._progress = replace(
                self._progress,
                items=self._progress.items + 1,
                failed=self._progress.failed + (report is None),
                seconds=time.monotonic() - self._begun,
            )
            self._report(self._progress)
            yield Outcome(
                self._items[pending.number].name,
                report,
                reason,
                parts=pending.parts,
                frames=pending.frames,
                seconds=pending.seconds,
            )


def _raise_fatal(name: str, reason: str) -> None:
    """Raises an error that concerns every part, by its name; "" for none."""
    for error in (StorageFullError, WeightsUnavailable):
        if error.__name__ == name:
            raise error(reason)
