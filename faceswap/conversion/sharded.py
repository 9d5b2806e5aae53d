"""Converts one shard of a source, next to other processes or machines.

They communicate only through the folder of the unfinished conversion. Each writes the segments of
its shard there, and the one that finds all segments complete joins them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.output.earlier import Earlier
from faceswap.conversion.output.report import ConvertReport
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.video.conversion import VideoConversion, VideoPlan
from faceswap.conversion.video.segments import Segment
from faceswap.conversion.video.stages import Stages
from faceswap.core.errors import NoFacesError, OutputBusyError
from faceswap.core.files import remove
from faceswap.core.locks import check_free, hold_file
from faceswap.core.outputs import check_outputs


@dataclass(frozen=True)
class Shard:
    """What one of several processes converts of a source.

    Segment k of source i, both from 0, belongs to shard ``(i + k) % shards + 1``, and so do the
    photos of source i with k = 0: short sources are spread as well as long ones.

    Attributes:
        number: Number of the shard, from 1.
        shards: Number of shards.
        place: Place of the source among all sources of the command, from 0.
    """

    number: int
    shards: int
    place: int = 0

    def __str__(self) -> str:
        return f"{self.number} of {self.shards}"

    def owner(self, unit: int = 0) -> int:
        """Number of the shard to which a segment belongs, or photos as unit 0."""
        return (self.place + unit) % self.shards + 1

    def own(self, plan: VideoPlan) -> list[Segment]:
        """Segments of this shard."""
        units = enumerate(plan.segments)
        return [segment for unit, segment in units if self.owner(unit) == self.number]


def convert_shard(
    job: ConvertJob,
    shard: Shard,
    earlier: Earlier | None = None,
    *,
    overwrite: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
    on_wait: Callable[[str], None] = lambda _: None,
) -> ConvertReport:
    """Converts one shard of a source, and finishes the output if all others are complete.

    Args:
        job: Conversion of the source; the same for all shards.
        shard: The shard.
        earlier: Result of ``job.find_earlier``; None if nothing is there.
        overwrite: Whether to replace whatever exists under the names of the outputs.
        on_frames: Callback with the number of frames, as for ``ConvertJob.run``; frames of other
            shards are reported as done.
        on_wait: Callback with a sentence before it waits for another process.

    Returns:
        The report; its ``missing`` says what is left to other shards.

    Raises:
        FaceswapError: As in ``ConvertJob.run``.
        OutputBusyError: Another process converts this shard, or all of them.
        OutputExistsError: The shared folder holds a conversion with other settings.
    """
    if job.source.kind == "images":
        if shard.owner() == shard.number:
            return job.run(earlier, overwrite=overwrite, on_frames=on_frames)
        on_frames(len(job.source.files))
        left = f"left to shard {shard.owner()} of {shard.shards}"
        return ConvertReport(job.outputs.path, missing=left)
    begun = time.monotonic()
    job.check()
    check_outputs(job.outputs.names(), overwrite=True)
    earlier = job.begin(earlier, overwrite)
    hashed = earlier.hashed
    assignment = Assignment(job.targets, job.source.name)
    video, key = job.video(hashed, assignment), job.key(hashed)
    try:
        with take_part(job, video, key, f"shard {shard}"):
            # Again, since another run may have finished it meanwhile.
            earlier = job.begin(earlier, overwrite)
            if earlier.report is not None:
                return earlier.report
            part = _Part(job, video, key, begun, overwrite)
            return part.convert(shard, on_frames, on_wait)
    except NoFacesError:
        assignment.check()  # there may be faces, and others be meant
        raise
    finally:
        video.work.remove_empty()


@contextmanager
def take_part(
    job: ConvertJob, video: VideoConversion, key: str, part: str, *, wait: bool = False
) -> Iterator[None]:
    """Takes part in the conversion of a video beside other processes.

    Args:
        job: The conversion.
        video: The conversion of its pictures.
        key: Text that identifies the conversion.
        part: Part of this process in a few words ("shard 1 of 2").
        wait: Whether to wait for another process that does this part.

    Raises:
        OutputBusyError: Another process does this part, or all of them.
        OutputExistsError: The shared folder holds a conversion with other settings.
    """
    with ExitStack() as stack:
        stack.enter_context(video.work.share(key, part, wait=wait))
        if job.outputs.is_folder:
            # Whoever holds the folder leaves the temporary files of other writers alone.
            images = job.outputs.path / part
            stack.enter_context(hold_file(images, f"{part} of the conversion", wait=wait))
        # A run without shards holds the report, and looks for shards after that.
        check_free(job.outputs.report)
        yield


def join_segments(
    job: ConvertJob,
    video: VideoConversion,
    plan: VideoPlan,
    written: int,
    begun: float,
    *,
    assigned: bool,
    overwrite: bool,
) -> ConvertReport | None:
    """Joins the segments of a video that several processes wrote.

    Args:
        job: The conversion.
        video: The conversion of its pictures, in whose work folder this process takes part.
        plan: Plan of the segments, of which all are complete unless another process joined them.
        written: Number of frames that this run wrote.
        begun: Moment at which this run began, by ``time.monotonic``.
        assigned: Whether this process has assigned identities to the faces.
        overwrite: Whether numbered images of other conversions are removed.

    Returns:
        The report; that of another process if it joined them; None if it removed them.

    Raises:
        OutputBusyError: Another process joins them.
        NoFacesError: No face was swapped; the segments are removed.
    """
    with job.outputs.hold():
        # Whoever removes the segments begins with the key: after it, they do not count. A process
        # that takes part again after that writes the key once more.
        ours = video.work.is_of(job.key(video.hashed))
        if not ours or plan.missing(plan.segments):
            report = job.begin(Earlier(video.hashed), overwrite=False).report
            if ours and report is not None:
                remove(job.outputs.work)
            return report
        if not assigned:
            video.convert(plan, (), Stages(), lambda _: None)
        result = video.finish(plan, written, overwrite=overwrite)
        report = ConvertReport(job.outputs.path, seconds=0.0, **asdict(result))
        return job.conclude(report, video.hashed, video.assignment.notes(), begun)


@dataclass(frozen=True)
class _Part:
    """The part of this process in the conversion of a video."""

    job: ConvertJob
    video: VideoConversion
    key: str
    begun: float
    overwrite: bool

    def convert(
        self, shard: Shard, on_frames: Callable[[int], None], on_wait: Callable[[str], None]
    ) -> ConvertReport:
        """Converts the segments of a shard; joins all segments if no other is missing."""
        video, stages = self.video, Stages()
        plan = video.plan()
        own = plan.missing(shard.own(plan))
        written = video.convert(plan, own, stages, on_frames, on_wait) if own else 0
        made = ConvertReport(
            self.job.outputs.path,
            frames_now=written,
            seconds=time.monotonic() - self.begun,
            rates=stages.rates(),
        )
        missing = len(plan.missing(plan.segments))
        # Whoever removes the segments begins with the key: after it, they do not count.
        if missing and video.work.is_of(self.key):
            segments = len(plan.segments)
            verb = "is" if missing == 1 else "are"
            left = f"{missing} of {segments} segments {verb} missing: run the other shards"
            return replace(made, missing=left)
        try:
            report = join_segments(
                self.job,
                video,
                plan,
                written,
                self.begun,
                assigned=bool(own),
                overwrite=self.overwrite,
            )
        except OutputBusyError:
            return replace(made, missing="another process joins the segments")
        if report is None:
            return replace(made, missing="another process removed the segments: run it again")
        rates = stages.rates()
        return replace(report, frames_now=written, seconds=made.seconds, rates=rates)
