"""How many processes of each kind a run on a cluster begins with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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
    def of(cls, nodes: Iterable[Mapping[str, Any]], gpus: bool | None) -> "Capacity":
        """What some nodes offer.

        Args:
            nodes: Nodes, as ``ray.nodes`` describes them.
            gpus: Whether each worker gets a GPU; None if a node has one.
        """
        alive = [node["Resources"] for node in nodes if node["Alive"]]
        with_gpu = [offer for offer in alive if offer.get("GPU")]
        uses_gpus = bool(with_gpu) if gpus is None else gpus
        able, kind = (with_gpu, "GPU") if uses_gpus else (alive, "CPU")
        slots = int(sum(offer.get(kind, 0) for offer in able))
        return cls(
            machines=max(1, len(able)),
            workers=min(max(1, slots), _MOST_WORKERS),
            worker_gpu=_WORKER_GPU if uses_gpus else 0.0,
            helper_gpu=_HELPER_GPU if uses_gpus else 0.0,
        )
