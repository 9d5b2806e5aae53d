"""Memory of a training, from its settings alone: its steps are simulated, without their content."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import chain
from typing import cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import convert_outputs_to_fp32
from torch import Tensor, nn

from faceswap.core.ema import EMA
from faceswap.core.memory_tracker import MemoryTracker, simulated_memory
from faceswap.data.batches import RawBatch
from faceswap.data.cache import CHANNELS, CropGeometry
from faceswap.data.sampling import rank_slots
from faceswap.data.warp import GRID
from faceswap.models import build_model
from faceswap.models.crowd import CROWD
from faceswap.models.guided import GuidedAutoencoder
from faceswap.recognizers.embedder import build_embedder
from faceswap.training.fit.state_memory import (
    evaluate_blank,
    gathered_bytes,
    module_bytes,
    state_memory,
)
from faceswap.training.from_settings import (
    build_adversary,
    build_optimizer,
    build_phases,
    divides,
)
from faceswap.training.loop.recompute import recompute_activations
from faceswap.training.loop.step import TrainStep
from faceswap.training.losses.lpips import load_lpips
from faceswap.training.losses.networks import IdentityNetwork, LossNetworks
from faceswap.training.optimizers.update import GradientNorms
from faceswap.training.settings import TrainConfig

_STORED = 2.0  # coverage of the crops of a faceset, in face squares
_LR = 1e-4


class SimulatedTraining:
    """A training whose steps have the memory of real ones, and no content.

    Left out is what a device holds besides tensors, and what preparing a batch takes for a moment
    before the forward pass. Compilation changes nothing here.

    Args:
        config: Settings of the training, of a model that is not guided.
        identities: Names of the identities.
        precision: Precision of the training: fp32, bf16 or fp16.
        processes: Number of processes.
        networks: Networks that terms of the loss are computed with, on the CPU.
        tracker: Counts the memory; made by ``simulated_memory``, and active.

    Attributes:
        state: Memory that does not depend on the batch.
    """

    def __init__(
        self,
        config: TrainConfig,
        identities: Sequence[str],
        precision: str,
        processes: int,
        networks: LossNetworks,
        tracker: MemoryTracker,
    ) -> None:
        opened = cast(Accelerator, _OneProcess(processes, precision))
        parts = processes if divides(config, opened) else 1
        self._config, self._processes, self._tracker = config, processes, tracker
        self._half = precision != "fp32"
        self._outside = _network_bytes(networks)  # real tensors, which the tracker does not see
        self._phases = build_phases(config, opened)
        self._model = build_model(config.model.name, identities, config.model.options)
        optimizer = build_optimizer(self._model, config.optimizer)
        adversary = build_adversary(config.in_phases(), self._model, opened)
        self._ema = EMA(self._model, config.optimizer.ema) if config.optimizer.ema else None
        average = None if self._ema is None else self._ema.module
        self._gathered = 0
        if parts > 1:
            self._gathered = gathered_bytes(self._model)
            self._divide_weights([self._model, *([] if average is None else [average])], parts)
        if config.training.checkpointing:
            recompute_activations(self._model)
        self._model.grow(1.0)
        frozen = frozenset.intersection(*(phase.frozen for phase in self._phases))
        reach = max(phase.batches.ranges.reach for phase in self._phases)
        size = max(self._model.input_size, self._model.full_size)
        self._geometry = CropGeometry.with_reach(size, config.data.coverage, reach, _STORED)
        margin = self._geometry.margin
        self._step = TrainStep(
            opened, self._model, optimizer, margin, GradientNorms(), adversary, frozen, networks
        )
        # The states of the optimizers: one phase of those that train the same.
        trained = {(each.frozen, each.adversarial): n for n, each in enumerate(self._phases)}
        for phase in trained.values():
            self.peak(processes * config.training.micro_batches, phase)
            for values in optimizer.state.values():
                for value in values.values():
                    tracker.divide(value, parts)
        judges = [each.network for each in adversary.values()]
        self.state = state_memory(self._model, optimizer, average, judges, self._outside, parts)

    @property
    def phases(self) -> int:
        """Number of phases."""
        return len(self._phases)

    def peak(self, batch: int, phase: int) -> int:
        """Peak memory of a step in bytes.

        Args:
            batch: Faces of each identity, over all processes.
            phase: Number of the phase.
        """
        shown = self._phases[phase]
        plan = replace(shown.batches, batch=batch)
        count = plan.micro_batches
        slots = [rank_slots(batch, 0, self._processes, number, count) for number in range(count)]
        raws = [self._batch([slot < plan.match * batch for slot in each]) for each in slots]
        self._tracker.reset_peak()
        self._step(raws, replace(shown, batches=plan), _LR, _LR, 0)
        return self._tracker.peak + self._outside + self._gathered

    def evaluation_peak(self) -> int:
        """Peak memory of an evaluation on held-out faces in bytes."""
        self._tracker.reset_peak()
        evaluate_blank(self._model, bf16=self._half)
        return self._tracker.peak + self._outside + self._gathered

    def _divide_weights(self, models: Sequence[nn.Module], parts: int) -> None:
        """Counts the weights of models, and gradients as they are made, as parts of them."""

        def divide_gradient(parameter: Tensor) -> None:
            if parameter.grad is not None:
                self._tracker.divide(parameter.grad, parts)

        for parameter in chain.from_iterable(model.parameters() for model in models):
            self._tracker.divide(parameter, parts)
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(divide_gradient)

    def _batch(self, matched: Sequence[bool]) -> RawBatch:
        people, count, side = len(self._model.identities), len(matched), self._geometry.side
        return RawBatch(
            crops=torch.zeros(people, count, side, side, CHANNELS, dtype=torch.uint8),
            affine=torch.zeros(people, count, 2, 3),
            jitter=torch.zeros(people, count, 2, GRID, GRID),
            colour=torch.zeros(people, count, 3, 4),
            # Not simulated: the number of swaps is read from it.
            matched=torch.from_numpy(np.tile(np.array(matched), (people, 1))),
        )


@contextmanager
def simulate(
    config: TrainConfig, identities: Sequence[str], precision: str, processes: int = 1
) -> Iterator[SimulatedTraining]:
    """A simulated training, which exists within the block.

    Args:
        config: Settings of the training, of a model that is not guided.
        identities: Names of the identities.
        precision: Precision of the training: fp32, bf16 or fp16.
        processes: Number of processes.

    Raises:
        ConfigError: Settings cannot be used.
        WeightsUnavailable: Weights of a loss term are not on this machine.
    """
    networks = _open_networks(config, identities)
    with simulated_memory() as tracker:
        yield SimulatedTraining(config, identities, precision, processes, networks, tracker)


def is_guided(config: TrainConfig, identities: Sequence[str]) -> bool:
    """Whether the model of a training is guided, so that it cannot be simulated."""
    with torch.device("meta"):
        model = build_model(config.model.name, identities, config.model.options)
    return isinstance(model, GuidedAutoencoder)


def _open_networks(config: TrainConfig, identities: Sequence[str]) -> LossNetworks:
    losses = [phase.loss for phase in config.in_phases()]
    lpips = load_lpips() if any(each.lpips for each in losses) else None
    if not any(each.identity or each.identity_swap for each in losses):
        return LossNetworks(lpips)
    embedder = build_embedder(config.loss.identity_network)
    coverage = config.data.coverage
    found = embedder(torch.zeros(len(identities), 3, 64, 64), coverage)
    targets = torch.tensor([who != CROWD for who in identities])
    return LossNetworks(lpips, IdentityNetwork(embedder, coverage, found, targets))


def _network_bytes(networks: LossNetworks) -> int:
    embedder = None if networks.identity is None else networks.identity.embedder
    return sum(module_bytes(each) for each in (networks.lpips, embedder) if each is not None)


class _OneProcess:
    """Stands for Accelerate in a simulation, where there is neither a device nor a group.

    Args:
        processes: Number of processes of the training.
        precision: Precision of the training: fp32, bf16 or fp16.
    """

    device = torch.device("cpu")
    scaler = None
    process_index = 0

    def __init__(self, processes: int, precision: str) -> None:
        self.num_processes, self.mixed_precision = processes, precision

    def prepare(
        self, model: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[nn.Module, torch.optim.Optimizer]:
        return self.prepare_model(model), optimizer

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.mixed_precision != "fp32":  # as in Accelerator.prepare_model
            forward = torch.autocast(self.device.type, torch.bfloat16)(model.forward)
            model.forward = convert_outputs_to_fp32(forward)
        return model

    def no_sync(self, _model: nn.Module) -> AbstractContextManager[None]:
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def unscale_gradients(self, _optimizer: torch.optim.Optimizer) -> None:
        pass
