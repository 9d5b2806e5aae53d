"""Swaps the faces of segments, in stages that run concurrently.

Each stage has a thread of its own, and bounded queues lie between them. They run on across the
borders of segments.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.output.rendering import Renderer
from faceswap.conversion.output.views import Shown
from faceswap.conversion.swap.swapper import SwappedFrame, Swapper
from faceswap.conversion.swap.time_window import FrameFaces
from faceswap.conversion.video.appearances import Appearances, sampled
from faceswap.conversion.video.clip_faces import ClipFaces
from faceswap.conversion.video.segments import FrameWindows, Segment
from faceswap.conversion.video.stages import Stages
from faceswap.core.prefetch import prefetch
from faceswap.core.threads import operator_threads
from faceswap.media.frame import Frame

T = TypeVar("T")

_QUEUE = 8


@dataclass(frozen=True)
class SegmentSwap:
    """Swaps the faces of the segments of a video.

    Attributes:
        swapper: Swapper of the faces.
        view: View that is made of each frame.
        faces: Faces of the video.
        stages: Stopwatches.
        samples: Frames from which the appearance of the faces is learnt, from
            ``appearances.REACH`` before the first segment on; None if it is not needed.
    """

    swapper: Swapper
    view: Shown
    faces: ClipFaces
    stages: Stages
    samples: Iterable[Frame] | None = None

    @contextmanager
    def run(
        self, frames: Iterable[Frame], segments: Sequence[Segment]
    ) -> Iterator[Iterator[SwappedFrame | None]]:
        """Swaps the faces of consecutive segments; at the end all threads have ended.

        Args:
            frames: Frames of the video, from ``Swapper.lead`` before the first segment on.
            segments: The segments.

        Yields:
            Their frames, with the pixels of the view; None ends a segment.
        """
        stages = self.stages
        with ExitStack() as stack:  # threads end here, whatever goes wrong
            read = stack.enter_context(closing(prefetch(stages.decode.over(frames), _QUEUE)))
            windows = FrameWindows(read, self.swapper.lead)
            appearances = stack.enter_context(self._appearances())
            # Blending takes about as long as decoding faces does: each has a thread.
            decoding = self._alone(self._decode(windows, segments, appearances))
            decoded = prefetch(decoding, _QUEUE)
            stack.enter_context(closing(decoded))
            blended = prefetch(self._alone(self._blend(decoded, len(segments))), _QUEUE)
            yield stack.enter_context(closing(blended))

    @contextmanager
    def _appearances(self) -> Iterator[Appearances | None]:
        if self.samples is None:
            yield None
            return
        with closing(prefetch(sampled(self.samples))) as frames:
            yield Appearances(self.faces.unguided(frames))

    def _alone(self, items: Iterable[T]) -> Iterator[T]:
        """The items of a thread whose operators have the threads of the swapper all the time."""
        # Changed batch by batch, their number would cost a short-lived thread each time.
        with operator_threads(self.swapper.threads):
            yield from items

    def _decode(
        self,
        windows: FrameWindows,
        segments: Sequence[Segment],
        appearances: Appearances | None,
    ) -> Iterator[FrameFaces | None]:
        stages = self.stages
        for segment in segments:
            shown = stages.faces.takes(windows.of(segment))
            found = self._faces(shown, segment, appearances)
            found = stages.swap.takes(stages.faces.gives(found))
            yield from stages.swap.gives(self.swapper.decode(found, wanted=segment.indices))
            yield None

    def _faces(
        self, frames: Iterable[Frame], segment: Segment, appearances: Appearances | None
    ) -> Iterator[tuple[Frame, Sequence[SourceFace]]]:
        if segment.swapped:
            known = {} if appearances is None else appearances.around(segment)
            yield from self.faces.of(frames, known)
        else:
            yield from ((frame, ()) for frame in frames)

    def _blend(
        self, decoded: Iterator[FrameFaces | None], segments: int
    ) -> Iterator[SwappedFrame | None]:
        stages = self.stages
        render = Renderer(self.swapper, self.view)
        for _ in range(segments):
            yield from stages.blend.gives(render(stages.blend.takes(until_end(decoded))))
            yield None


def until_end(items: Iterator[T | None]) -> Iterator[T]:
    """The items of one segment."""
    while (item := next(items)) is not None:
        yield item
