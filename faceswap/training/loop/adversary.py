"""The discriminators' part in a step of training."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.func import functional_call

from faceswap.data.batches import Batch
from faceswap.models.autoencoder import Reconstruction
from faceswap.models.crowd import CROWD
from faceswap.training.discriminators.build import CODES, FACES
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.losses.adversarial import (
    AdversarialWeights,
    authenticity,
    confusion,
    recognition,
    visible,
)
from faceswap.training.losses.reconstruction import Losses


class Adversary:
    """Judges decoded faces and codes, and learns to judge them.

    Each discriminator is trained in the step of the model, on the same faces, and as it was when it
    judged them. Wrapped for several processes it has one forward pass in each micro-batch: of real
    and decoded faces together. What it says to the model goes past the wrapper, with weights that
    take no gradients.

    Args:
        accelerator: Accelerator of the training.
        discriminators: Discriminators of ``build_discriminators``; may be empty.
        identities: Names of the identities, in the order of a batch. Swaps to the crowd are not
            judged: they would be taught the mean of strangers.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        discriminators: Mapping[str, TrainedDiscriminator],
        identities: Sequence[str],
    ) -> None:
        self._accelerator = accelerator
        targets = [name != CROWD for name in identities]
        self._targets = torch.tensor(targets, device=accelerator.device)
        self._trained = discriminators
        self._wrapped: dict[str, nn.Module] = {
            name: accelerator.prepare_model(each.network) for name, each in discriminators.items()
        }
        self._learnt: set[str] = set()

    def judge(self, decoded: Reconstruction, batch: Batch, weights: AdversarialWeights) -> Losses:
        """Losses of a model that is to deceive the discriminators.

        Args:
            decoded: Output of the model, ``(I, B, ...)``.
            batch: Targets.
            weights: Weights of the terms.
        """
        total = torch.zeros(len(batch.target), device=batch.target.device)
        terms = {}
        if weights.power:
            fakes = _fakes(decoded, batch, weights)
            judged = self._opinion(FACES, fakes.flatten(0, 1), _owners(fakes))
            values = self._per_slot(authenticity(judged, real=True), batch)
            total = total + weights.power * values.mean(1)
            terms["terms/adversarial"] = values.detach().mean(1)
        if weights.true_face:
            assert decoded.codes is not None
            told = self._opinion(CODES, decoded.codes.flatten(0, 1))
            values = confusion(told).unflatten(0, batch.target.shape[:2])
            total = total + weights.true_face * values.mean(1)
            terms["terms/true_face"] = values.detach().mean(1)
        return Losses(total, terms)

    def learn(
        self,
        decoded: Reconstruction,
        batch: Batch,
        weights: AdversarialWeights,
        micro_batches: int,
        *,
        last: bool,
    ) -> dict[str, Tensor]:
        """Adds gradients of the discriminators.

        Args:
            decoded: Output of the model, ``(I, B, ...)``.
            batch: Targets.
            weights: Weights of the terms: a discriminator whose term has none does not learn.
            micro_batches: Number of micro-batches of the step.
            last: Whether this is the last of them.

        Returns:
            Loss of each discriminator for each identity, ``(I,)``, by its name.
        """
        lessons = {}
        if weights.power:
            lessons[FACES] = partial(self._faces_loss, decoded, batch, weights)
        if weights.true_face:
            lessons[CODES] = partial(self._codes_loss, decoded)
        found = {}
        for name, lesson in lessons.items():
            wrapped = self._wrapped[name]
            with nullcontext() if last else self._accelerator.no_sync(wrapped):
                loss = lesson()
                self._trained[name].backward(loss.mean() / micro_batches)
            found[name] = loss.detach()
        self._learnt.update(found)
        return found

    def update(self, lr: float, clip: float) -> None:
        """Takes a step of the discriminators that have learnt something.

        Args:
            lr: Learning rate.
            clip: Largest gradient norm of each; 0 disables clipping.
        """
        for name in self._learnt:
            self._trained[name].update(lr, clip)
        self._learnt.clear()

    def zero_grad(self) -> None:
        """Discards the gradients of a diverged step."""
        for each in self._trained.values():
            each.zero_grad()

    def _faces_loss(
        self, decoded: Reconstruction, batch: Batch, weights: AdversarialWeights
    ) -> Tensor:
        real = visible(batch.target, batch.mask)
        fakes = _fakes(decoded, batch, weights).detach()
        shown = torch.cat([real.flatten(0, 1), fakes.flatten(0, 1)])
        owners = torch.cat([_owners(real), _owners(fakes)])
        judged = self._wrapped[FACES](shown, owners)
        count = real.shape[0] * real.shape[1]
        believed = authenticity([logits[:count] for logits in judged], real=True)
        doubted = authenticity([logits[count:] for logits in judged], real=False)
        return ((self._per_slot(believed, batch) + self._per_slot(doubted, batch)) / 2).mean(1)

    def _codes_loss(self, decoded: Reconstruction) -> Tensor:
        assert decoded.codes is not None
        codes = decoded.codes.detach()
        told = self._wrapped[CODES](codes.flatten(0, 1))
        return recognition(told, _owners(codes)).unflatten(0, codes.shape[:2]).mean(1)

    def _per_slot(self, values: Tensor, batch: Batch) -> Tensor:
        """Means of the faces of each slot, ``(I, B)``: of a reconstruction and, if judged, a swap.

        The mean over all slots does not depend on how the batch is split, and swaps do not outweigh
        the real faces.
        """
        values = values.unflatten(0, (len(batch.target), -1))
        faces = batch.target.shape[1]
        own, swapped = values.split([faces, values.shape[1] - faces], 1)
        alone, beside = own.split([swapped.shape[1], faces - swapped.shape[1]], 1)
        both = torch.where(self._targets[:, None], (alone + swapped) / 2, alone)
        return torch.cat([both, beside], 1)

    def _opinion(self, name: str, *inputs: Tensor) -> Any:
        """What a discriminator says, with gradients of the inputs only."""
        network = self._trained[name].network
        fixed = {name: weight.detach() for name, weight in network.named_parameters()}
        return functional_call(network, fixed, inputs)


def _fakes(decoded: Reconstruction, batch: Batch, weights: AdversarialWeights) -> Tensor:
    """What is to pass as real: reconstructions, and swaps behind them, ``(I, B + M, 3, s, s)``.

    A swap has the mask of its matched face: whose it is must not be seen from the outline.
    """
    fakes = visible(decoded.face, batch.mask)
    if not weights.swaps or decoded.swapped is None:
        return fakes
    matched = decoded.swapped[:, : batch.matched]
    return torch.cat([fakes, visible(matched, batch.mask[:, : batch.matched])], 1)


def _owners(values: Tensor) -> Tensor:
    """Number of the identity of each of ``(I, B, ...)``, ``(I * B,)``."""
    identities, count = values.shape[:2]
    return torch.arange(identities, device=values.device).repeat_interleave(count)
