"""Joins videos of one encoder into one file without encoding them again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from av import Packet
from av.container import InputContainer
from av.video.stream import VideoStream

from faceswap.core.errors import MediaError
from faceswap.core.held_file import Signer
from faceswap.media.container import has_coded_opacity, open_media, packets_of, video_stream
from faceswap.media.movie_file import MovieFile, OtherContent, media_errors
from faceswap.media.muxers import find_muxer, stored_tick
from faceswap.media.timeline import is_picture
from faceswap.media.video import VideoInfo


@dataclass(frozen=True)
class Piece:
    """A video file that continues another one.

    Attributes:
        path: File that ``VideoWriter`` wrote; it begins with a key frame.
        pts: Time stamps of its frames in the joined video, ascending and greater than those of the
            piece before. The file itself need not hold them exactly.
    """

    path: Path
    pts: Sequence[int]


def join_videos(
    path: Path,
    pieces: Sequence[Piece],
    info: VideoInfo,
    duration: int,
    content: OtherContent,
    sign: Signer | None = None,
) -> list[str]:
    """Writes the packets of several videos into one file.

    Presentation time stamps are those of the pieces. The decoding time stamp of a packet is the
    presentation time stamp that is as many places before its own place as the encoder reorders
    pictures: so they increase from piece to piece.

    Args:
        path: Destination; ``piece_format`` tells the format of its pieces.
        pieces: The pieces in order, at least one.
        info: Metadata with which the pieces were written; all time stamps are in its time base.
        duration: Duration of the last frame in the same units.
        content: Audio, extras and tags of the file.
        sign: Callback that signs the file; see ``VideoWriter``.

    Returns:
        Messages for the user about what was changed or dropped.

    Raises:
        MediaError: The pieces do not belong together, or one of them is damaged.
        StorageFullError: The disk is full; nothing is left at ``path``.
    """
    shown = [*chain.from_iterable(piece.pts for piece in pieces)]
    orders = [_order(piece) for piece in pieces]
    delay = min(max(map(_reordering, orders)), len(shown) - 1)
    lag = shown[delay] - shown[0]
    decoded = [*(pts - lag for pts in shown[:delay]), *shown]
    file = MovieFile(path, time_base=info.time_base, content=content, sign=sign)
    end = (shown[-1] + duration) * info.time_base
    with file:
        waiting: Packet | None = None
        for packet, pts, dts in zip(
            _packets(file, pieces, info),
            chain.from_iterable(map(_in_order, pieces, orders)),
            decoded,
            strict=False,  # the last packets are decoded before the last frames are shown
        ):
            if waiting is not None:
                file.mux(waiting)
            packet.time_base, packet.pts, packet.dts = info.time_base, pts, dts
            packet.duration = duration if pts == shown[-1] else 0
            waiting = packet
        assert waiting is not None
        file.mux_last(waiting, shown[-1] * info.time_base, end, lag * info.time_base)
    return file.notes


def _packets(file: MovieFile, pieces: Sequence[Piece], info: VideoInfo) -> Iterator[Packet]:
    """The pictures of all pieces, in the stream of the file that is begun with the first piece."""
    target: VideoStream | None = None
    parameters: bytes | None = None
    for piece in pieces:
        with open_media(piece.path) as container:
            stream = video_stream(container, piece.path)
            if target is None:
                target = _add_stream(file, stream, info)
                parameters = stream.codec_context.extradata
                file.begin(target, f"{file.path} cannot be begun")
            elif stream.codec_context.extradata != parameters:
                raise MediaError(
                    f"{piece.path} was encoded with other parameters than the pieces before.",
                    "Remove its folder and run the same command again.",
                )
            for packet in _pictures(container, stream):
                packet.stream = target
                yield packet


def _order(piece: Piece) -> list[int]:
    """Place in presentation order of each picture of a piece, in the order of decoding."""
    with open_media(piece.path) as container, media_errors(f"{piece.path} cannot be read"):
        stream = video_stream(container, piece.path)
        stamps = [_stamp(packet) for packet in _pictures(container, stream)]
    known = [pts for pts in stamps if pts is not None]
    places = {pts: place for place, pts in enumerate(sorted(known))}
    if not len(places) == len(stamps) == len(piece.pts):
        raise MediaError(
            f"Expected {len(piece.pts)} frames in {piece.path}, found {len(places)}.",
            "Choose another --encoder if it happens again.",
        )
    return [places[pts] for pts in known]


def _stamp(packet: Packet) -> int | None:
    return packet.dts if packet.pts is None else packet.pts  # AVI has decoding time stamps only


def _reordering(order: Sequence[int]) -> int:
    """Number of pictures that are decoded before an earlier one is shown, at most."""
    return max(index - place for index, place in enumerate(order))


def _pictures(container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
    codec = stream.codec_context.name
    return (packet for packet in packets_of(container, stream) if is_picture(packet, codec))


def _in_order(piece: Piece, order: Sequence[int]) -> list[int]:
    """Time stamps of a piece in the order of decoding."""
    return [piece.pts[place] for place in order]


def _add_stream(file: MovieFile, template: VideoStream, info: VideoInfo) -> VideoStream:
    # The decoder of a codec need not have an encoder of its name: the context is copied.
    stream = file.output.add_stream_from_template(template, opaque=True)
    assert isinstance(stream, VideoStream)
    stream.codec_context.framerate = info.fps
    # WebM tells by this tag alone that packets contain opacity.
    if has_coded_opacity(template):
        stream.metadata["alpha_mode"] = "1"
    muxer = find_muxer(file.path)
    stream.time_base = stored_tick(muxer, info)
    if muxer.iso:
        stream.codec_context.codec_tag = template.codec_context.codec_tag
    return stream
