"""Rates of the stages of an extraction, by which the slowest is known."""

from faceswap.core.stopwatch import Stage, Stopwatch, rates


class Stages:
    """Stopwatches of the stages, each of which runs in a thread of its own.

    Attributes:
        decode: Decoding of frames.
        detect: Detection passes that are scheduled.
        track: Tracking, with all other detection passes.
        write: Cropping, masking, measuring and storing the faces of a frame.
    """

    def __init__(self) -> None:
        self.decode, self.write = Stopwatch(), Stopwatch()
        self.detect, self.track = Stage(), Stage()

    def rates(self) -> dict[str, float]:
        """Frames per second of each stage by itself; stages that did nothing are absent."""
        spent = {
            "decode": (self.decode.count, self.decode.seconds),
            "detect": (self.track.count, self.detect.seconds),  # it gives chunks of frames
            "track": (self.track.count, self.track.seconds),
            "write": (self.write.count, self.write.seconds),
        }
        return rates(spent)
