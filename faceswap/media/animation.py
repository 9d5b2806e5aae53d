"""Writes animated pictures (GIF, WebP) from a lossless video, in one go."""

import io
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
from av import VideoFormat, VideoFrame
from av.container import OutputContainer
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image as PillowImage

from faceswap.core.held_file import Signer, signed_path
from faceswap.media.animation_tags import HeaderTag, finished_webp
from faceswap.media.colour import ColourTags
from faceswap.media.container import keep_only, open_media, video_stream
from faceswap.media.filters import EXACT, THREADS
from faceswap.media.movie_file import media_errors

_CENTISECOND, _MILLISECOND = Fraction(1, 100), Fraction(1, 1000)
_PIXELS = "bgra"
_PALETTE = (16, 16)  # pixels; 256 colours
# Error diffusion looks best on faces. Within the rectangle that changed, what stands still does
# not flicker.
_DITHER = "dither=sierra2_4a:diff_mode=rectangle"


def read_loops(path: Path) -> int:
    """How often an animated picture is shown; 0 for without end, also if it is no such picture."""
    try:
        with PillowImage.open(path) as image:
            repeats = image.info.get("loop")
            if image.format != "GIF":
                return int(repeats or 0)
    except (OSError, ValueError):
        return 0
    # A GIF names how often it is repeated, or nothing if it is shown once.
    return 1 if repeats is None else int(repeats and repeats + 1)


def write_animation(
    path: Path,
    work: Path,
    duration: Fraction,
    *,
    loops: int = 0,
    quality: int = 95,
    lossless: bool = False,
    xmp: bytes = b"",
    sign: Signer | None = None,
) -> int:
    """Writes an animated picture with the frames and times of a lossless video.

    GIF has hundredths of a second and one palette of 256 colours for the whole clip, chosen in a
    pass of its own; WebP has milliseconds, and is put together in memory. Of pictures whose times
    are the same in this unit, the first is written.

    Args:
        path: Destination, ``.gif`` or ``.webp``.
        work: Lossless video, with or without transparency.
        duration: Duration of the last frame in seconds.
        loops: Number of times that it is shown; 0 for without end.
        quality: Quality of WebP from 1 to 100.
        lossless: Whether WebP is lossless; ``quality`` has no effect then.
        xmp: XMP packet to embed.
        sign: Callback that signs the complete temporary file before it is renamed.

    Returns:
        Number of pictures written.

    Raises:
        MediaError: The video cannot be read, or the pictures cannot be encoded.
        StorageFullError: The disk is full; nothing is left at ``path``.
    """
    with signed_path(path, sign) as file, media_errors(f"{path} cannot be written"):
        if path.suffix.lower() == ".gif":
            return _write_gif(HeaderTag(file, xmp), work, duration, loops)
        how = {"lossless": str(int(lossless)), "quality": str(quality)}
        data, count = _webp(work, how, loops)
        file.write(finished_webp(data, duration / _MILLISECOND, xmp))
        return count


def _frames(path: Path, clock: Fraction) -> Iterator[VideoFrame]:
    """Pictures of a video with time stamps in units of a clock; the first of each unit."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        stream.thread_type = "AUTO"
        scaler = VideoReformatter()
        latest = None
        for frame in container.decode(stream):
            stamp = round((frame.pts or 0) * Fraction(frame.time_base or 1) / clock)
            if latest is not None and stamp <= latest:
                continue
            latest = stamp
            picture = _in_rgb(frame, scaler)
            picture.pts, picture.time_base = stamp, clock
            yield picture


def _in_rgb(frame: VideoFrame, scaler: VideoReformatter) -> VideoFrame:
    if not frame.format.is_rgb:
        tags = ColourTags.of_frame(frame)
        frame.colorspace = tags.effective_matrix(frame.width, frame.height)
        frame.color_range = tags.effective_range(frame.format.name)
    return scaler.reformat(frame, format=_PIXELS, interpolation=EXACT, threads=THREADS)


def _size(path: Path) -> tuple[int, int]:
    with open_media(path) as container:
        context = video_stream(container, path).codec_context
        return context.width, context.height


class _Output(Protocol):
    def write(self, data: bytes, /) -> int: ...


def _write_gif(file: _Output, work: Path, duration: Fraction, loops: int) -> int:
    size = _size(work)
    options = {
        "loop": str({0: 0, 1: -1}.get(loops, loops - 1)),  # repetitions
        "final_delay": str(round(duration / _CENTISECOND)),
    }
    with av.open(file, "w", format="gif", container_options=options) as output:
        stream = _add_stream(output, "gif", size, "pal8", _CENTISECOND)
        return _encode_all(output, stream, _with_palette(work, size, _palette(work, size)))


def _webp(work: Path, how: Mapping[str, str], loops: int) -> tuple[bytes, int]:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webp", container_options={"loop": str(loops)}) as output:
        stream = _add_stream(output, "libwebp_anim", _size(work), _PIXELS, _MILLISECOND, how)
        count = _encode_all(output, stream, _frames(work, _MILLISECOND))
    return buffer.getvalue(), count


def _encode_all(output: OutputContainer, stream: VideoStream, frames: Iterable[VideoFrame]) -> int:
    """Writes frames to the end; returns their number."""
    count = 0
    for count, frame in enumerate(frames, 1):  # noqa: B007
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
    return count


def _add_stream(
    output: OutputContainer,
    encoder: str,
    size: tuple[int, int],
    pixel_format: str,
    clock: Fraction,
    options: Mapping[str, str] | None = None,
) -> VideoStream:
    stream = output.add_stream(encoder, rate=1 / clock, options=dict(options or {}))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    stream.codec_context.time_base = clock
    return stream


def _palette(work: Path, size: tuple[int, int]) -> VideoFrame:
    """The colours that suit all pictures of a video best."""
    graph = Graph()
    source = _add_source(graph, size)
    filter_, sink = graph.add("palettegen"), graph.add("buffersink")
    source.link_to(filter_)
    filter_.link_to(sink)
    graph.configure()
    for picture in _frames(work, _CENTISECOND):
        source.push(picture)
    source.push(None)
    palette = sink.pull()
    assert isinstance(palette, VideoFrame)
    palette.pts = 0
    return palette


def _with_palette(work: Path, size: tuple[int, int], palette: VideoFrame) -> Iterator[VideoFrame]:
    """Pictures of a video in the colours of a palette."""
    graph = Graph()
    source, colours = _add_source(graph, size), _add_source(graph, _PALETTE)
    filter_, sink = graph.add("paletteuse", _DITHER), graph.add("buffersink")
    source.link_to(filter_, 0, 0)
    colours.link_to(filter_, 0, 1)
    filter_.link_to(sink)
    graph.configure()
    colours.push(palette)
    colours.push(None)
    for picture in _frames(work, _CENTISECOND):
        source.push(picture)
        yield from _pull(sink)
    source.push(None)
    yield from _pull(sink)


def _add_source(graph: Graph, size: tuple[int, int]) -> FilterContext:
    return graph.add_buffer(
        width=size[0],
        height=size[1],
        format=VideoFormat(_PIXELS, *size),
        time_base=_CENTISECOND,
    )


def _pull(sink: FilterContext) -> Iterator[VideoFrame]:
    while True:
        try:
            picture = sink.pull()
        except (BlockingIOError, EOFError):
            return
        assert isinstance(picture, VideoFrame)
        yield picture
