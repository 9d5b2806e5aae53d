"""Recognition of people as the options of an extraction ask for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faceswap.core.errors import ConfigError, WeightsUnavailable
from faceswap.extraction.identities import People
from faceswap.people.embeddings import SAME_PERSON
from faceswap.people.references import load_references
from faceswap.people.wanted import WantedPeople
from faceswap.recognizers import Recognizer, build_recognizer

IDENTITY = ("auto", "on", "off")
"""Whether people are recognised; ``auto``: if the weights are there or can be downloaded."""


@dataclass(frozen=True)
class PeopleOptions:
    """The options, for other processes that build the same.

    Attributes:
        identity: "on" or "off".
        only: References to the people whose faces are kept.
        exclude: References to people whose faces are not kept.
        threshold: Cosine similarity from which a person is the one of a reference; None for the
            default.
        largest: Whether only the largest of these faces is kept in each frame.
    """

    identity: str
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    threshold: float | None = None
    largest: bool = False

    def build(self, device: str) -> People:
        """Loads the recognition network and the references; see ``build_people``."""
        return build_people(
            self.identity,
            self.only,
            self.exclude,
            self.threshold,
            largest=self.largest,
            device=device,
        )


def build_people(
    identity: str = "auto",
    only: Sequence[str] = (),
    exclude: Sequence[str] = (),
    threshold: float | None = None,
    *,
    largest: bool = False,
    device: str = "cpu",
    on_note: Callable[[str], None] = lambda _: None,
) -> People:
    """Loads the recognition network and the references.

    Args:
        identity: One of ``IDENTITY``.
        only: References to the people whose faces are kept; see ``people.references``.
        exclude: References to people whose faces are not kept.
        threshold: Cosine similarity from which a person is the one of a reference.
        largest: Whether only the largest of these faces is kept in each frame.
        device: Device of the networks that find the faces of reference photos.
        on_note: Callback with a line if people cannot be recognised.

    Raises:
        ConfigError: ``identity`` is unknown, or is ``off`` although there are references; or there
            is a threshold without them.
        WeightsUnavailable: People have to be recognised, and the weights are not available.
        FaceswapError: A reference is missing, damaged, or does not show one person.
    """
    if identity not in IDENTITY:
        raise ConfigError(f"Expected --identity {', '.join(IDENTITY)}, found {identity!r}.")
    if identity == "off" and (only or exclude):
        raise ConfigError(
            "--only and --not need recognition, and --identity is off.",
            "Leave out --identity off.",
        )
    if threshold is not None and not (only or exclude):
        raise ConfigError(
            "Expected --only or --not with --threshold, found neither.",
            "Add a reference, or leave out --threshold.",
        )
    if identity == "off":
        return People(largest=largest)
    needed = bool(identity == "on" or only or exclude)
    recognizer = _recognizer(needed, on_note)
    if recognizer is None:
        return People(largest=largest)
    wanted = WantedPeople(
        load_references(only, recognizer, device),
        load_references(exclude, recognizer, device),
        SAME_PERSON if threshold is None else threshold,
    )
    return People(recognizer, wanted, largest)


def _recognizer(needed: bool, on_note: Callable[[str], None]) -> Recognizer | None:
    try:
        return build_recognizer()
    except WeightsUnavailable as error:
        if needed:
            raise
        on_note(
            "People are not recognised: the weights of the recognition network are not available. "
            f"{error.hint} Or run `faceswap faces people` later."
        )
        return None
