"""Decodes the packets of a video stream into pictures."""

from collections.abc import Iterator

from av import CodecContext, Packet, VideoFrame
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from faceswap.media.container import has_coded_opacity
from faceswap.media.timeline import Damage, PictureOrder, is_incomplete, is_picture

_WITH_OPACITY = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def decode(
    packets: Iterator[Packet], stream: VideoStream, order: PictureOrder, damage: Damage
) -> Iterator[VideoFrame]:
    """Yields all decodable pictures of packets in presentation order; continues after errors.

    Args:
        packets: Packets of the stream in the order of the file.
        stream: Video stream.
        order: Record of the time stamps of the packets that are decoded.
        damage: Record of packets that cannot be read or are not displayed.
    """
    codec, decoder = stream.codec_context.name, _decoder(stream)
    while packet := _next_packet(packets, damage):
        # An empty packet (a dropped frame) would flush the decoder.
        if not packet.size:
            continue
        if is_picture(packet, codec):
            order.add(packet)
        else:
            damage.skipped += packet.is_discard
        if not is_incomplete(packet):
            yield from _decode_packet(decoder, packet)
    yield from _decode_packet(decoder, None)


def _next_packet(packets: Iterator[Packet], damage: Damage) -> Packet | None:
    try:
        return next(packets, None)
    except FFmpegError as error:
        damage.failure = error.strerror or str(error)
        return None


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """The decoder of a stream; libvpx for VP8 and VP9 with opacity, which others ignore."""
    if stream.codec_context.name == "h264":
        # A stream need not tell how far it reorders pictures. Otherwise that is guessed from those
        # decoded so far, and a picture is lost where they are reordered further.
        stream.codec_context.options = stream.codec_context.options | {"strict": "strict"}
    name = _WITH_OPACITY.get(stream.codec_context.name)
    if name is None or not has_coded_opacity(stream):
        return stream.codec_context
    decoder = CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = stream.codec_context.extradata
    decoder.thread_type = "AUTO"
    decoder.options = stream.codec_context.options
    return decoder


def _decode_packet(decoder: VideoCodecContext, packet: Packet | None) -> list[VideoFrame]:
    try:
        return decoder.decode(packet)
    except FFmpegError:
        # The time stamp of the packet, already recorded, shows that a picture is missing.
        return []
