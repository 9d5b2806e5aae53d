"""Rates of the stages of a conversion, by which the slowest is known."""

from faceswap.core.stopwatch import Stage, Stopwatch, rates


class Stages:
    """Stopwatches of the stages; faces and swap share a thread, the others have one each.

    Attributes:
        decode: Decoding of frames.
        faces: Faces of each frame, with their guides.
        swap: Cutting and decoding of the faces of frames.
        blend: Blending of the decoded faces into their frames.
        encode: Encoding of frames, and signing of segments.
    """

    def __init__(self) -> None:
        self.decode = Stopwatch()
        self.faces, self.swap, self.blend, self.encode = Stage(), Stage(), Stage(), Stage()

    def rates(self) -> dict[str, float]:
        """Throughput of each stage in frames per second; stages that did nothing are absent."""
        return rates(
            {
                "decode": (self.decode.count, self.decode.seconds),
                "faces": (self.faces.count, self.faces.seconds),
                "swap": (self.swap.count, self.swap.seconds),
                "blend": (self.blend.count, self.blend.seconds),
                "encode": (self.encode.taken, self.encode.seconds),  # it gives segments
            }
        )
