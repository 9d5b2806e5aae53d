"""Assignment of identities to the splits of a detector set, and to swap targets.

Identities are swapped within their split; only an identity that is alone in the test split is
swapped to identities of other splits. Every identity of the train split appears both real and as a
swap target: otherwise a detector learns to recognise the person instead of the swap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faceswap.core.errors import IdentityError


@dataclass(frozen=True)
class IdentitySplit:
    """Assignment of identities to splits and swap targets.

    Attributes:
        identities: Names of the identities of each split.
        targets: Index of the run and target identity of each swap, by source identity.
        notes: Limitations of the split, one sentence each.
    """

    identities: dict[str, tuple[str, ...]]
    targets: dict[str, tuple[tuple[int, str], ...]]
    notes: tuple[str, ...]


def split_identities(runs: Sequence[Sequence[str]], test: Sequence[str]) -> IdentitySplit:
    """Assign every identity to a split.

    Without names for the test split: of several runs without common identities, the last one is
    the test split (and of three or more, the last but one the validation split). Of one run, its
    last two identities are the test split if there are four or more, else its last one.

    Args:
        runs: Identities of each run.
        test: Identities of the test split; empty for the default.

    Raises:
        IdentityError: A name is unknown, or the train split lacks two identities of one run.
    """
    identities = list(dict.fromkeys(name for run in runs for name in run))
    for name in test:
        if name not in identities:
            raise IdentityError(
                f"No run has the identity {name!r}.", f"Use one of {', '.join(identities)}."
            )
    held_out = {"val": [], "test": list(test)} if test else _default_split(runs, identities)
    excluded = {*held_out["val"], *held_out["test"]}
    training = [name for name in identities if name not in excluded]
    splits = {
        "train": tuple(training),
        "val": tuple(held_out["val"]),
        "test": tuple(held_out["test"]),
    }
    targets = {
        name: _targets(name, members, runs) for members in splits.values() for name in members
    }
    only_real = [name for name in training if not {to for _, to in targets[name]} <= set(training)]
    if only_real or not training:
        raise IdentityError(
            f"The train split ({', '.join(training) or 'empty'}) needs at least two identities "
            "that one run swaps with each other: a detector would otherwise learn to recognise "
            "the person instead of the swap.",
            "Use a run of three or more identities, add a run of two others, or name fewer "
            "identities with --test.",
        )
    return IdentitySplit(splits, targets, _notes(splits, targets))


def _default_split(
    runs: Sequence[Sequence[str]], identities: Sequence[str]
) -> dict[str, list[str]]:
    disjoint = len(identities) == sum(len(run) for run in runs)
    if len(runs) > 1 and disjoint:
        return {"val": list(runs[-2]) if len(runs) > 2 else [], "test": list(runs[-1])}
    last = list(identities)
    if len(identities) >= 6:
        return {"val": last[-4:-2], "test": last[-2:]}
    return {"val": [], "test": last[-2:] if len(identities) >= 4 else last[-1:]}


def _targets(
    name: str, members: Sequence[str], runs: Sequence[Sequence[str]]
) -> tuple[tuple[int, str], ...]:
    possible = [
        (number, other)
        for number, run in enumerate(runs)
        if name in run
        for other in run
        if other != name
    ]
    within = [(number, other) for number, other in possible if other in members]
    return tuple(within or possible)


def _notes(
    splits: Mapping[str, Sequence[str]], targets: Mapping[str, Sequence[tuple[int, str]]]
) -> tuple[str, ...]:
    notes = []
    if not splits["val"]:
        notes.append(
            "The val split holds the ends of the train clips: use it for early stopping, not for "
            "reported scores."
        )
    if any(to not in splits["test"] for name in splits["test"] for _, to in targets[name]):
        notes.append(
            "The swap targets of the test split have their footage in another split; use four or "
            "more identities to avoid this."
        )
    return tuple(notes)
