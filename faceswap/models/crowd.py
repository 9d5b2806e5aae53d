"""The crowd: an identity of many people that only teaches the encoder what faces have in common."""

from collections.abc import Iterable

from faceswap.core.errors import IdentityError

CROWD = "crowd"
"""Reserved name of the identity whose one decoder decodes all of these people."""


def without_crowd(identities: Iterable[str]) -> tuple[str, ...]:
    """The identities that faces can be swapped to."""
    return tuple(name for name in identities if name != CROWD)


def refuse_crowd(name: str, identities: Iterable[str]) -> None:
    """Refuses the crowd as the target of a swap.

    Raises:
        IdentityError: ``name`` is the crowd.
    """
    if name == CROWD:
        raise IdentityError(
            f"The identity {CROWD!r} is many people who only taught the encoder: no face can be "
            "swapped to it.",
            f"Use one of {', '.join(without_crowd(identities)) or 'the identities'}.",
        )
