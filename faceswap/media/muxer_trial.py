"""Tries whether a container accepts a stream before anything is written to the real output."""

import io
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import av
from av import Packet
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.stream import DataStream
from av.subtitles.stream import SubtitleStream

from faceswap.media.container import keep_only, open_media, packets_of

_ENOUGH = 4  # packets of a stream; some muxers look into them
_MOST = 5000  # packets that are read in search of them


class MuxerTrial:
    """Writes the first packets of streams into memory, each into a container of its own.

    The list of codecs of a muxer is no answer: some refuse a stream only when they write the header
    or its first packet.

    Args:
        path: File with the streams.
        muxer: FFmpeg's name of the muxer.
        options: Options of the muxer.
    """

    def __init__(self, path: Path, muxer: str, options: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._muxer = muxer
        self._options = dict(options or {})

    def accepts(self, stream: AudioStream | SubtitleStream | DataStream) -> bool:
        """Whether the container accepts this stream of the file, another handle of it included."""
        with open_media(self._path) as container:
            source = container.streams[stream.index]
            assert isinstance(source, AudioStream | SubtitleStream | DataStream)
            keep_only(container, source)
            packets: list[Packet] = []
            with suppress(FFmpegError):  # damage is reported when the file is read
                for number, packet in enumerate(packets_of(container, source)):
                    packets += [packet] if packet.size else []
                    if len(packets) == _ENOUGH or number == _MOST:
                        break
            return self._write(source, packets)

    def _write(
        self, source: AudioStream | SubtitleStream | DataStream, packets: list[Packet]
    ) -> bool:
        file = io.BytesIO()
        try:
            with av.open(file, "w", format=self._muxer, container_options=self._options) as output:
                target = output.add_stream_from_template(source)
                output.start_encoding()
                for packet in packets:
                    packet.stream = target
                    output.mux(packet)
            return not isinstance(source, DataStream) or _is_known(file, source)
        except (FFmpegError, ValueError):
            return False


def _is_known(file: io.BytesIO, source: DataStream) -> bool:
    """Whether the data of a file are found and called what they are in the source.

    Some muxers write data without what they are, or nothing at all.
    """
    file.seek(0)
    with av.open(file) as container:
        return [stream.name for stream in container.streams.data] == [source.name]
