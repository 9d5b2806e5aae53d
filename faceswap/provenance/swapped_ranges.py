"""The ranges of a video in which faces were swapped, as the manifest of the result states them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from faceswap.core.documents import DocumentModel, Items
from faceswap.core.text import counted
from faceswap.provenance.errors import ProvenanceError

Outside = Literal["keep", "drop"]

_FRAMES, _OUTSIDE = "ranges", "outside"
_SHOWN = 8  # ranges in a sentence
_Index = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Stated(DocumentModel):
    ranges: Items[Annotated[list[_Index], Field(min_length=2, max_length=2)]]
    outside: Outside


@dataclass(frozen=True)
class SwappedRanges:
    """Ranges of the frames of a source in which faces were swapped.

    Attributes:
        spans: First frame of each range, counted from 0, and the one after it; in order, with
            frames between them.
        outside: "keep": the frames outside of the ranges are in the result as they are; "drop":
            they are not in it.
    """

    spans: tuple[tuple[int, int], ...]
    outside: Outside

    def stated(self) -> dict[str, Any]:
        """What the manifest states, as JSON values."""
        return {_FRAMES: [list(span) for span in self.spans], _OUTSIDE: self.outside}

    @classmethod
    def of(cls, conversion: Any) -> "SwappedRanges | None":
        """Reads the ranges of our own assertion; None if it names none.

        Args:
            conversion: The assertion; None if there is none. Others may use its label for
                anything.

        Raises:
            ProvenanceError: They are not in the format of this program.
        """
        if not isinstance(conversion, dict) or _FRAMES not in conversion:
            return None
        try:
            found = _Stated.model_validate(conversion)
        except ValidationError as error:
            raise _foreign() from error
        edges = [edge for span in found.ranges for edge in span]
        if not edges or any(first >= second for first, second in pairwise(edges)):
            raise _foreign()
        return cls(tuple((first, end) for first, end in found.ranges), found.outside)

    def describe(self) -> str:
        """A sentence without a period: which frames were swapped, and what became of the others."""
        names = [
            f"{first} to {end - 1}" if end - first > 1 else f"{first}"
            for first, end in self.spans[:_SHOWN]
        ]
        if len(self.spans) > _SHOWN:
            names.append(f"{counted(len(self.spans) - _SHOWN, 'further range')}")
        shown = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        others = "kept as they were" if self.outside == "keep" else "cut out"
        return f"faces were swapped in the frames {shown} of the source; the others were {others}"


def _foreign() -> ProvenanceError:
    return ProvenanceError(
        "The ranges in the manifest are not in the format of this program.",
        "Convert the video again.",
    )
