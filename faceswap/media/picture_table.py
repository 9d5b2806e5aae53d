"""All pictures of a stream in presentation order, read from its packets without decoding them."""

from dataclasses import dataclass
from pathlib import Path

from av import Packet
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap.media.clock import PictureClock
from faceswap.media.container import (
    choice_note,
    frame_rate,
    keep_only,
    open_media,
    packets_of,
    picture_time_base,
    video_stream,
)
from faceswap.media.timeline import Damage, has_presentation_stamps, is_picture


class UncertainPicturesError(Exception):
    """The packets of a file do not tell with certainty which frames it has; says why."""


@dataclass(frozen=True)
class PictureTable:
    """The pictures of an undamaged stream.

    Attributes:
        pts: Time stamps on the clock that begins at 0, ascending, in units of the stream.
        durations: Durations in the same units, positive.
        keys: Ascending indices of the key frames; the first is 0.
        shift: Difference of these time stamps from the stored ones.
        stream: Index of the stream in its file.
        choice: Line that says which of several video streams this is; "" if there is only one.
    """

    pts: tuple[int, ...]
    durations: tuple[int, ...]
    keys: tuple[int, ...]
    shift: int
    stream: int
    choice: str = ""

    @classmethod
    def of_file(cls, path: Path) -> "PictureTable":
        """Reads the packets of the video stream that ``VideoReader`` reads.

        Raises:
            UncertainPicturesError: The file is damaged, pictures lack time stamps or durations, or
                share time stamps, or some are not displayed.
            MediaError: The file does not exist, or is not a video.
        """
        with open_media(path) as container:
            stream = video_stream(container, path)
            keep_only(container, stream)
            if not has_presentation_stamps(container):
                raise UncertainPicturesError("its frames have no presentation time stamps")
            return cls._of_stream(container, stream)

    @classmethod
    def _of_stream(cls, container: InputContainer, stream: VideoStream) -> "PictureTable":
        clock = PictureClock(container, stream)
        codec = stream.codec_context.name
        pictures: dict[int, tuple[int, bool]] = {}  # duration, key frame
        try:
            for packet in clock.continued(packets_of(container, stream)):
                if _is_end(packet):
                    continue
                if packet.pts is None or packet.is_corrupt or packet.pts in pictures:
                    raise UncertainPicturesError(
                        "time stamps of its frames are missing or repeated"
                    )
                if not is_picture(packet, codec):
                    raise UncertainPicturesError("it has frames that are not displayed")
                if not packet.duration:  # readers guess it, each in another way
                    raise UncertainPicturesError("durations of its frames are missing")
                pictures[packet.pts] = (packet.duration, packet.is_keyframe)
        except FFmpegError as error:
            raise UncertainPicturesError("the file is damaged") from error
        if clock.jumps:
            raise UncertainPicturesError("its time stamps jump")
        stamps = sorted(pictures)
        keys = tuple(index for index, pts in enumerate(stamps) if pictures[pts][1])
        if not keys or keys[0] != 0:
            raise UncertainPicturesError("it does not begin with a key frame")
        _check_complete(stream, stamps)
        return cls(
            pts=tuple(stamps),
            durations=tuple(pictures[pts][0] for pts in stamps),
            keys=keys,
            shift=clock.move(0),
            stream=stream.index,
            choice=choice_note(container, stream) or "",
        )

    def key_near_middle(self) -> int:
        """Index of the key frame nearest to the middle."""
        return min(self.keys, key=lambda index: abs(2 * index - len(self.pts)))


def _is_end(packet: Packet) -> bool:
    """Whether this is the packet without content that PyAV adds at the end of a stream."""
    return not packet.size and packet.pts is None and packet.dts is None


def _check_complete(stream: VideoStream, stamps: list[int]) -> None:
    base, rate = picture_time_base(stream), frame_rate(stream)
    damage = Damage.expecting(stream)
    damage.total = len(stamps)
    damage.end = float((stamps[-1] + max(1, round(1 / (rate * base)))) * base)
    if text := damage.text():
        raise UncertainPicturesError(text)
