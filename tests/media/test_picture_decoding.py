from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

from faceswap.media.video import VideoReader

_START = b"\0\0\0\1"


def _exp_golomb(value):
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def _without_restriction(parameters):
    """Sequence parameters of x264 without their last fields, which bound the reordering."""
    bits = "".join(f"{byte:08b}" for byte in parameters).rstrip("0")
    for length in range(17):
        for buffered in range(17):
            fields = [0, 0, length, length, 2, buffered]  # 2 pictures are reordered
            end = "11" + "".join(map(_exp_golomb, fields)) + "1"
            if bits.endswith(end):
                shorter = bits.removesuffix(end) + "01"
                shorter += "0" * (-len(shorter) % 8)
                return bytes(int(shorter[i : i + 8], 2) for i in range(0, len(shorter), 8))
    raise AssertionError


def _with_late_reordering(path, picture, frames):
    """Writes H.264 whose second half alone is reordered, and which does not announce it."""
    base = Fraction(1, 25)
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 96, 64, "yuv420p"
    encoder.time_base = base
    settings = "keyint=20:scenecut=0:bframes=3:b-pyramid=normal:b-adapt=0:annexb=1:repeat-headers=1"
    encoder.options = {"preset": "veryfast", "x264-params": settings}
    packets = []
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(picture(number, 96, 64)).reformat(format="yuv420p")
        frame.pts, frame.time_base = number, base
        if number < frames // 2:
            frame.pict_type = PictureType.P if number % 20 else PictureType.I
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.codec_context.time_base = 96, 64, base
        for packet in packets:
            units = bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
            changed = [_without_restriction(u) if u[0] & 31 == 7 else u for u in units]
            copy = av.Packet(b"".join(_START + unit for unit in changed))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, base
            copy.is_keyframe, copy.stream = packet.is_keyframe, stream
            output.mux(copy)


def test_no_picture_is_lost_where_h264_begins_to_reorder_them(make_picture, tmp_path):
    path = tmp_path / "a.ts"
    _with_late_reordering(path, make_picture, 120)
    reader = VideoReader(path)
    whole = list(reader)
    assert [frame.index for frame in whole] == list(range(120))
    assert reader.damage is None
    for start in (70, 80, 100):
        assert [frame.pts for frame in VideoReader(path, start)] == [
            frame.pts for frame in whole[start:]
        ]
