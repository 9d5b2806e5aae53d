"""Makes the output file from the segments of a conversion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from faceswap.core.held_file import Signer
from faceswap.media.animation import read_loops, write_animation
from faceswap.media.joining import Piece, join_videos
from faceswap.media.kept_spans import KeptSpan
from faceswap.media.movie_file import OtherContent
from faceswap.media.muxers import ANIMATIONS
from faceswap.media.other_audio import OtherAudio
from faceswap.media.video import VideoInfo
from faceswap.provenance.metadata import SYNTHETIC, xmp_packet


@dataclass(frozen=True)
class Finishing:
    """What a file is made from besides its segments.

    Attributes:
        info: Metadata of the segments.
        source: Video that was converted.
        duration: Duration of the last frame in units of the time base.
        quality: Quality of animated WebP from 1 to 100.
        lossless: Whether animated WebP is lossless.
        audio: Other audio instead of that of the video; None keeps that.
        kept: Spans of the source that are kept, where others are cut out; empty for all of it.
    """

    info: VideoInfo
    source: Path
    duration: int
    quality: int
    lossless: bool
    audio: OtherAudio | None
    kept: Sequence[KeptSpan] = ()

    def write(
        self, path: Path, pieces: Sequence[Piece], work: Path, sign: Signer, sign_work: Signer
    ) -> list[str]:
        """Joins the segments, or makes an animated picture of them.

        Args:
            path: Destination.
            pieces: The segments.
            work: Lossless video that an animated picture is made from; removed with the segments.
            sign: Signer of the file.
            sign_work: Signer of that lossless video.

        Returns:
            Messages for the user about what was changed or dropped.
        """
        content = OtherContent(SYNTHETIC, kept=self.kept)
        if path.suffix.lower() not in ANIMATIONS:
            content = replace(
                content, audio_from=self.source, with_extras=True, other_audio=self.audio
            )
            return join_videos(path, pieces, self.info, self.duration, content, sign)
        join_videos(work, pieces, self.info, self.duration, content, sign_work)
        written = write_animation(
            path,
            work,
            Fraction(self.duration * self.info.time_base),
            loops=read_loops(self.source),
            quality=self.quality,
            lossless=self.lossless,
            xmp=xmp_packet(),
            sign=sign,
        )
        notes = [f"audio was dropped: {path.suffix} has none"] if self.info.audio_streams else []
        left_out = sum(len(piece.pts) for piece in pieces) - written
        if left_out:
            notes.append(f"{left_out} frames were left out: {path.suffix} cannot be so fast")
        return notes
