"""Adversarial losses: of what is to pass as real, and of the discriminators."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, softplus


@dataclass(frozen=True)
class AdversarialWeights:
    """Weights of the adversarial terms; a term with weight 0 is not computed.

    Attributes:
        power: Weight of the judgement on decoded faces, patch by patch and pixel by pixel.
        swaps: Whether swaps of matched faces are judged as well.
        true_face: Weight of the divergence by which codes tell identities apart.
        lr: Learning rate of the discriminators, where that of the model is at its highest.
    """

    power: float = 0.0
    swaps: bool = False
    true_face: float = 0.0
    lr: float = 2e-4

    @property
    def judges_swaps(self) -> bool:
        """Whether swaps are needed."""
        return self.swaps and self.power > 0


def visible(faces: Tensor, masks: Tensor) -> Tensor:
    """What is judged of faces: in [-1, 1], and 0 outside of the face.

    Args:
        faces: Faces, ``(..., 3, H, W) float32 RGB`` in [0, 1].
        masks: Face masks, ``(..., 1, H, W)`` in [0, 1].
    """
    return (2 * faces - 1) * masks


def authenticity(judged: Sequence[Tensor], *, real: bool) -> Tensor:
    """Binary cross-entropy of each face, summed over the outputs of the discriminator, ``(F,)``.

    Args:
        judged: Logits of each output, ``(F, h, w)``.
        real: Whether the faces are to be judged real.
    """
    sign = -1 if real else 1
    return torch.stack([softplus(sign * logits).flatten(1).mean(1) for logits in judged]).sum(0)


def recognition(logits: Tensor, owners: Tensor) -> Tensor:
    """Cross-entropy of the identity that a code is recognised as, ``(F,)``.

    Args:
        logits: Logits of the identities, ``(F, I, ...)``.
        owners: Number of the identity of each code, ``(F,) int64``.
    """
    places = logits.flatten(2) if logits.ndim > 2 else logits.unsqueeze(2)
    wanted = owners.unsqueeze(1).expand(-1, places.shape[2])
    return cross_entropy(places, wanted, reduction="none").mean(1)


def confusion(logits: Tensor) -> Tensor:
    """How much more a code looks like one identity than like another, ``(F,)``; 0 if not at all.

    The cross-entropy with equal probabilities of all identities (Tzeng et al., "Simultaneous deep
    transfer across domains and tasks", 2015), less its minimum. Labels that are exchanged instead,
    as in DeepFaceLab, pull codes of one identity over to the other and need one that is preferred.

    Args:
        logits: Logits of the identities, ``(F, I, ...)``.
    """
    likeness = log_softmax(logits, 1).flatten(1).mean(1)
    return -likeness - math.log(logits.shape[1])
