"""Recognition of people as the work of an engine: each faceset is one part."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from faceswap.engines.work import Part, PartResult, Plan
from faceswap.facesets.faceset import Faceset
from faceswap.people.recognition import has_embeddings, recognise
from faceswap.recognizers import Recognizer, build_recognizer


@dataclass(frozen=True)
class FacesetItem:
    """A faceset.

    Attributes:
        path: Directory of the faceset.
    """

    path: Path

    @property
    def name(self) -> str:
        """Name of the directory."""
        return self.path.name


@dataclass(frozen=True)
class RecogniseWork:
    """The recognition of people in facesets that have no embeddings."""

    @property
    def ordered(self) -> bool:
        """Whether facesets are finished in their order: no, each is for itself."""
        return False

    @cached_property
    def _recognizer(self) -> Recognizer:
        return build_recognizer()

    def places(self, item: FacesetItem) -> Sequence[Path]:
        """The faceset."""
        return [item.path]

    def plan(self, item: FacesetItem) -> Plan:
        """One part, unless the faceset has embeddings."""
        if has_embeddings(item.path):
            return Plan([])
        return Plan([Part(len(Faceset.open(item.path).trainable()))])

    def run(self, item: FacesetItem, part: Part) -> PartResult:
        """Computes the embeddings of a faceset."""
        if has_embeddings(item.path):
            return PartResult(0)
        recognise(Faceset.open(item.path), self._recognizer)
        return PartResult(part.frames)

    def finish(self, _item: FacesetItem, _facts: object, results: Sequence[PartResult]) -> int:
        """Number of faces that were looked at; the faceset is complete."""
        return sum(result.frames for result in results)
