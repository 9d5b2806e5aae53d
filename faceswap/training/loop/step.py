"""One step of training: batch, forward, loss, backward, step."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.distributed.fsdp import FSDPModule

from faceswap.core.processes import mean_of_all
from faceswap.data.batches import RawBatch, prepare
from faceswap.data.sampling import rank_slots
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.loop.adversary import Adversary
from faceswap.training.loop.phase import Phase
from faceswap.training.losses.networks import NO_NETWORKS, LossNetworks
from faceswap.training.losses.reconstruction import reconstruction_losses
from faceswap.training.optimizers.update import GradientNorms, Update


class TrainStep:
    """Optimizer step over micro-batches.

    Args:
        accelerator: Accelerator of the training.
        model: The model, on its device.
        optimizer: Optimizer of the model's parameters.
        margin: ``CropGeometry.margin`` of the crops.
        norms: Gradient norms of earlier steps.
        discriminators: Discriminators that any phase gives weight to, by name.
        frozen: Parts of the model that no phase trains: they get no gradients at all.
        networks: Networks that terms of the loss are computed with.

    Attributes:
        update: Takes the optimizer's steps.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: FaceAutoencoder,
        optimizer: torch.optim.Optimizer,
        margin: float,
        norms: GradientNorms,
        discriminators: Mapping[str, TrainedDiscriminator],
        frozen: Collection[str] = (),
        networks: LossNetworks = NO_NETWORKS,
    ) -> None:
        self._parts = model.parts()
        for name in frozen:
            self._parts[name].requires_grad_(requires_grad=False)
        self._accelerator = accelerator
        self._model = model
        self._networks = networks
        self._margin = margin
        if isinstance(model, FSDPModule):  # its layers exchange weights and gradients themselves
            self._network = accelerator.prepare_model(model, evaluation_mode=True)
            self._optimizer = accelerator.prepare(optimizer)
        else:
            self._network, self._optimizer = accelerator.prepare(model, optimizer)
        self.update = Update(accelerator, self._optimizer, self._network.parameters(), norms)
        self._adversary = Adversary(accelerator, discriminators, model.identities)
        self._terms: dict[str, Tensor] = {}

    def __call__(
        self,
        micro_batches: Sequence[RawBatch],
        phase: Phase,
        lr: float,
        scheduled: float,
        step: int,
    ) -> Tensor:
        """Takes one optimizer step.

        Args:
            micro_batches: Micro-batches of this process, whose gradients are accumulated.
            phase: Phase of the step, for its losses, its frozen parts and its update.
            lr: Learning rate.
            scheduled: Learning rate of the schedule, whose changes the discriminators follow; a
                sweep tries other rates on the model alone.
            step: Number of finished steps.

        Returns:
            Loss of each identity on this process, ``(I,)``.
        """
        for name, part in self._parts.items():  # statistics of frozen layers stay as they are
            part.train(name not in phase.frozen)
        losses, terms = [], []
        plan = phase.batches
        for number, raw in enumerate(micro_batches):
            last = number == len(micro_batches) - 1
            slots = rank_slots(plan.batch, plan.rank, plan.world_size, number, plan.micro_batches)
            self._model.seed_slots(plan.seed, step, slots)
            loss, found = self._micro_batch(raw, phase, len(micro_batches), last=last)
            losses.append(loss)
            terms.append(found)
        # A micro-batch without matched pairs has no term of them.
        self._terms = {
            name: torch.stack([found[name].mean() for found in terms if name in found]).sum()
            / len(terms)
            for name in dict.fromkeys(chain.from_iterable(terms))
        }
        for name in phase.frozen:
            # Wrapped for several processes, the model expects gradients of parts that it trains in
            # another phase; optimizers skip weights without.
            self._parts[name].zero_grad()
        self.update(phase.update, lr, (phase.batches.seed, step))
        own = phase.adversarial.lr * scheduled / phase.schedule.lr
        self._adversary.update(own, phase.update.clip)
        return torch.stack(losses).mean(0)

    def _micro_batch(
        self, raw: RawBatch, phase: Phase, count: int, *, last: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Adds the gradients of one of several micro-batches.

        Returns:
            Loss of each identity, and the terms, ``(I,)`` each.
        """
        sizes = (self._model.input_size, self._model.output_size)
        batch = prepare(raw, self._accelerator.device, sizes, self._margin)
        adversarial = phase.adversarial
        with nullcontext() if last else self._accelerator.no_sync(self._network):
            swaps = phase.losses.swaps(batch.target.shape[1], batch.matched)
            if adversarial.judges_swaps:
                swaps = max(swaps, batch.matched)
            decoded = self._network(batch.distorted, swaps, batch.guides)
            judged = self._adversary.judge(decoded, batch, adversarial)
            compared = reconstruction_losses(decoded, batch, phase.losses, self._networks)
            loss = compared.total + judged.total  # (I,)
            self._accelerator.backward(loss.sum() / count)
        learnt = self._adversary.learn(decoded, batch, adversarial, count, last=last)
        named = {f"terms/{name}": value for name, value in compared.terms.items()}
        named |= judged.terms
        named |= {f"discriminator/{name}": value for name, value in learnt.items()}
        return loss.detach(), named

    def figures(self) -> dict[str, float]:
        """Figures of the last step for the log, by name: means of all processes, which all ask."""
        values = {name: value.item() for name, value in self._terms.items()}
        return mean_of_all(self._accelerator, self.update.figures | values)

    def zero_grad(self) -> None:
        """Discards the gradients of a diverged step."""
        self._optimizer.zero_grad()
        self._adversary.zero_grad()
