"""Opens media files for reading."""

import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av import Packet
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from faceswap.core.errors import MediaError
from faceswap.core.files import regular_file
from faceswap.core.image_header import LIMIT_VARIABLE, max_image_pixels

# Demuxers that read one file and nothing else. Playlists (concat, HLS, DASH, SDP) name other files
# and addresses; capture devices and numbered images are no files.
_DEMUXERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,asf_o,mxf,ogg,gxf,nut,wtv,rm,dv,"
    "ivf,nuv,nsv,ea,swf,bink,smk,roq,vivo,pva,ty,lxf,mtv,"
    "gif,apng,yuv4mpegpipe,h261,h263,h264,hevc,vvc,evc,m4v,mjpeg,mjpeg_2000,av1,obu,vc1,vc1test,"
    "dirac,dnxhd,cavsvideo,avs2,avs3,"
    "wav,w64,aiff,au,caf,mp3,aac,loas,ac3,eac3,dts,dtshd,truehd,mlp,flac,ape,tta,wv,tak,amr,voc"
)
_MOST_PIXELS = 100_000_000  # 12K; more than any camera records
# PyAV 19 has no such option: it decodes tags as file names, with surrogates.
_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}
)
_PLAYLISTS = (b"ffconcat", b"file ", b"#EXTM3U", b"<?xml", b"<MPD", b"[playlist]", b"v=0")


def max_video_pixels() -> int:
    """Number of pixels above which a frame is refused: 100 million, or that of the variable.

    Decoders hold several frames, so the limit is lower than that of a photograph.

    Raises:
        ConfigError: ``FACESWAP_MAX_IMAGE_PIXELS`` is invalid.
    """
    return max_image_pixels() if os.environ.get(LIMIT_VARIABLE) else _MOST_PIXELS


def open_media(path: Path) -> InputContainer:
    """Opens a video or audio file, and never another one that it names.

    Raises:
        MediaError: There is no such file, it is not media that can be opened, or it is a playlist.
    """
    if not path.exists():
        raise MediaError(f"There is no file {path}.", "Check the path.")
    if not regular_file(path).is_file():
        raise MediaError(f"{path} is not a file.", "Give a video file.")
    try:
        # The prefix keeps a file name with a colon from being read as a network address.
        container = av.open(
            f"file:{path}",
            options=_decoder_limit(),
            container_options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"},
            **_TAGS,
        )
    except FFmpegError as error:
        raise MediaError(f"{path} cannot be read as a video.", _hint(path, error)) from error
    for tags in (container.metadata, *(stream.metadata for stream in container.streams)):
        valid = valid_tags(tags)
        tags.clear()
        tags.update(valid)
    return container


def valid_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as valid Unicode: what was not UTF-8 in the file becomes U+FFFD."""
    return {_valid(name): _valid(text) for name, text in tags.items()}


def _valid(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _decoder_limit() -> dict[str, str]:
    # Decoders work on sizes rounded up to whole blocks, with edges.
    return {"max_pixels": str(2 * max_video_pixels() + (1 << 20))}


def _hint(path: Path, error: FFmpegError) -> str:
    if isinstance(error, PermissionError):
        return "No permission to read the file: change its permissions."
    if path.stat().st_size == 0:
        return "The file is empty: copy or download it again."
    with path.open("rb") as file:
        beginning = file.read(12)
    if beginning[4:8] == b"ftyp":
        return (
            "The index of the file is missing or damaged: the file was truncated, or the "
            "recording was not finished. Copy or download it again."
        )
    if beginning.removeprefix(b"\xef\xbb\xbf").startswith(_PLAYLISTS):
        return "It is a playlist, which names other files: give the video files themselves."
    return "The file is damaged or not a video; its suffix is ignored. Copy it again."


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The video stream that a player shows: the default one, or else the largest; no cover picture.

    Raises:
        MediaError: There is no such stream, or it has more pixels than ``max_video_pixels()``.
        ConfigError: ``FACESWAP_MAX_IMAGE_PIXELS`` is invalid.
    """
    streams = films(container)
    if not streams:
        kinds = sorted({stream.type for stream in container.streams})
        raise MediaError(
            f"Expected a video stream in {path}, found {', '.join(kinds) or 'no streams'}.",
            "Give a file with a video stream of a supported codec.",
        )
    defaults = [stream for stream in streams if stream.disposition & Disposition.default]
    # Some containers call every stream a default one, and some none.
    stream = max(defaults or streams, key=_pixels)
    context = stream.codec_context
    # FFmpeg forgets sizes above the limit when it decodes the beginning.
    if not _pixels(stream) or _pixels(stream) > max_video_pixels():
        found = f"{context.width} x {context.height}" if context.width else "none or a larger one"
        raise MediaError(
            f"Expected a frame size of at most {max_video_pixels()} pixels in {path}, found"
            f" {found}.",
            f"Copy the file again if it is damaged; if it is not, raise {LIMIT_VARIABLE}.",
        )
    context.options = _decoder_limit()  # the size may change later
    return stream


def choice_note(container: InputContainer, chosen: VideoStream) -> str | None:
    """Line that says which of several video streams is used; None if there is only one."""
    streams = films(container)
    if len(streams) < 2:
        return None
    sizes = [f"{s.codec_context.width} x {s.codec_context.height}" for s in streams]
    number = [stream.index for stream in streams].index(chosen.index)
    return (
        f"the file has {len(streams)} video streams ({', '.join(sizes)}); only number"
        f" {number + 1} ({sizes[number]}) is used"
    )


def films(container: InputContainer) -> list[VideoStream]:
    """Video streams of known codecs without cover pictures and thumbnails."""
    pictures = Disposition.attached_pic | Disposition.timed_thumbnails
    # A stream of an unknown codec has no context at all.
    return [
        stream
        for stream in container.streams.video
        if not stream.disposition & pictures and stream.codec_context is not None
    ]


def _pixels(stream: VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def has_coded_opacity(stream: VideoStream) -> bool:
    """Whether packets of VP8 or VP9 contain opacity beside the picture."""
    return any(
        name.lower() == "alpha_mode" and value == "1" for name, value in stream.metadata.items()
    )


def keep_only(container: InputContainer, *streams: Stream) -> None:
    """Makes the demuxer skip all other streams, which saves reading them."""
    for stream in container.streams:
        if stream not in streams:
            stream.discard = Discard.all


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet]:
    """Yields the packets of streams in the order of the file, as ``container.demux``.

    If a stream appears in mid-file, PyAV may take it for a wanted one, and raises ``IndexError``
    as it was not there when the file was opened. Reading then continues with the next packet.
    """
    while True:
        try:
            yield from container.demux(*streams)
        except IndexError:
            continue
        return


class Ratio(Protocol):
    """Fractions as PyAV returns them: ``Fraction``, or from PyAV 19 on ``AVRational``."""

    @property
    def numerator(self) -> int:
        """Numerator; 0 in a ratio that is not set."""
        ...

    @property
    def denominator(self) -> int:
        """Denominator; 0 in a ratio that is not defined."""
        ...


def known_ratio(ratio: Ratio | None) -> Fraction | None:
    """A ratio as a fraction; None if it is not set, which PyAV before 19 calls None as well."""
    return Fraction(ratio.numerator, ratio.denominator) if ratio else None


def frame_rate(stream: VideoStream) -> Fraction:
    """Average frames per second; 25 if a stream (of one picture, for example) has none."""
    return known_ratio(stream.average_rate) or known_ratio(stream.guessed_rate) or Fraction(25)


def picture_time_base(stream: VideoStream) -> Fraction:
    """Seconds per unit of the time stamps of a stream; the time between frames if it has none."""
    return known_ratio(stream.time_base) or 1 / frame_rate(stream)
