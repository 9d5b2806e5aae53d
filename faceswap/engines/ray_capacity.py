"""How many processes of each kind a run on a cluster begins with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]

# Shares of a GPU. Planners and finishers compute nothing, but open what workers do, and the same
# kind of device is part of a conversion's identity. Those of 50 machines fit beside one worker.
_WORKER_GPU, _HELPER_GPU = 0.8, 0.002
_MOST_WORKERS = 64


@dataclass(frozen=True)
class Capacity:
    """What a cluster offers at the start of a run; Ray adds workers while parts wait.

    Attributes:
        machines: Number of machines that can plan and join: those with a GPU in a run with GPUs.
        workers: Number of workers to begin with.
        worker_gpu: Share of a GPU that each worker asks for; 0 in a run without GPUs.
        helper_gpu: Share that each process asks for that plans or joins.
    """

    machines: int
    workers: int
    worker_gpu: float = 0.0
    helper_gpu: float = 0.0

    @classmethod
    def of(cls, nodes: Iterable[Node], *, gpus: bool) -> "Capacity":
        """What some nodes offer.

        Args:
            nodes: Nodes, as ``ray.nodes`` describes them.
            gpus: Whether each worker gets a GPU.
        """
        offers = [*_offers(nodes)]
        able, kind = ([*filter(_has_gpu, offers)], "GPU") if gpus else (offers, "CPU")
        slots = int(sum(offer.get(kind, 0) for offer in able))
        return cls(
            machines=max(1, len(able)),
            workers=min(max(1, slots), _MOST_WORKERS),
            worker_gpu=_WORKER_GPU if gpus else 0.0,
            helper_gpu=_HELPER_GPU if gpus else 0.0,
        )


def has_gpus(nodes: Iterable[Node]) -> bool:
    """Whether some of the nodes offer a GPU."""
    return any(map(_has_gpu, _offers(nodes)))


def _offers(nodes: Iterable[Node]) -> Iterator[Mapping[str, float]]:
    return (node["Resources"] for node in nodes if node["Alive"])


def _has_gpu(offer: Mapping[str, float]) -> bool:
    return offer.get("GPU", 0) > 0
