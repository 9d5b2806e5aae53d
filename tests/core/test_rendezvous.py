"""Processes of a restarted training find each other, not those that were killed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from faceswap.core.errors import TrainingError
from faceswap.core.rendezvous import fresh_part


@pytest.fixture
def server():
    return TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=20))


def client(server):
    return TCPStore("127.0.0.1", server.port, is_master=False, timeout=timedelta(seconds=20))


def addresses(server, start, count=3):
    """What each process finds at the place of the last one, if that one comes last."""

    def join(rank):
        part = fresh_part(client(server), rank, count, patience=15)
        if rank == count - 1:
            part.set("address", f"{start}")
        return part.get("address").decode()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(join, range(count)))


def test_each_start_has_a_part_of_its_own(server):
    assert addresses(server, "one") == ["one"] * 3
    assert addresses(server, "two") == ["two"] * 3


def test_a_process_killed_while_it_joined_is_replaced(server):
    # It greeted the first process, and was killed before it had an answer.
    client(server).set("start/2", "killed")
    assert addresses(server, "one") == ["one"] * 3


def test_a_process_that_does_not_come_is_an_error(server):
    with pytest.raises(TrainingError, match="2 other processes, 0 came"):
        fresh_part(client(server), 0, 3, patience=0.1)
    with pytest.raises(TrainingError, match="the first process"):
        fresh_part(client(server), 1, 3, patience=0.1)
