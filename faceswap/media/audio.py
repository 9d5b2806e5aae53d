"""Copies the audio of one file into another, packet by packet."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av import Packet
from av.audio.codeccontext import AudioCodecContext
from av.audio.format import AudioFormat
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

from faceswap.media.container import keep_only, open_media

# FFmpeg muxes these into MP4, but hardly any player supports them there.
_POOR_FIT = {".mp4": ("pcm_", "vorbis", "truehd"), ".m4v": ("pcm_", "vorbis", "truehd")}
_FALLBACK = {".webm": "libopus"}
_COMMON_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_BITS_PER_CHANNEL = 96_000
_JITTER = 0.02  # seconds


@dataclass
class _Track:
    """An audio stream that is copied or re-encoded.

    Attributes:
        source: Stream of the input.
        target: Stream of the output; has an encoder when ``encode`` is set.
        encode: Whether the audio is re-encoded; packets are copied otherwise.
        last_dts: Decoding time stamp of the last copied packet.
        samples: Presentation time of the next frame to encode, in samples.
    """

    source: AudioStream
    target: AudioStream
    encode: bool
    last_dts: int | None = None
    samples: int | None = None


class AudioFeed:
    """Copies all audio streams of a file into an output, interleaved with the video.

    Packets are copied if the container supports their codec, and re-encoded to AAC (Opus for WebM)
    otherwise. They are read when they are needed, so memory use is constant.

    Args:
        path: File with the audio; it may have no audio stream.
        output: Container being written, before its header is written.
        suffix: Suffix of the output file.

    Attributes:
        notes: Messages for the user about audio that was re-encoded, dropped or truncated.

    Raises:
        MediaError: The file cannot be opened.
    """

    def __init__(self, path: Path, output: OutputContainer, suffix: str) -> None:
        self.notes: list[str] = []
        self._path = path
        self._output = output
        self._input = open_media(path)
        self._tracks: dict[int, _Track] = {}
        for number, source in enumerate(self._input.streams.audio, 1):
            track = self._add_track(source, suffix, number)
            if track is not None:
                self._tracks[source.index] = track
        keep_only(self._input, *(track.source for track in self._tracks.values()))
        self._packets = self._read(self._input)
        self._next = next(self._packets, None)

    def _add_track(self, source: AudioStream, suffix: str, number: int) -> _Track | None:
        if source.codec_context is None:
            self.notes.append(f"audio stream {number} has an unknown codec and was dropped")
            return None
        codec = source.codec_context.codec.canonical_name
        target, encode = None, False
        if not codec.startswith(_POOR_FIT.get(suffix, ())):
            try:
                target = self._output.add_stream_from_template(source)
            except ValueError:
                target = None
        if target is None:
            encoder = _FALLBACK.get(suffix, "aac")
            target, encode = self._add_encoder(source, encoder), True
            self.notes.append(
                f"audio stream {number} was re-encoded to {encoder.removeprefix('lib')}:"
                f" {suffix} does not support {codec}"
            )
        kept = {"language", "title", "handler_name"}
        target.metadata.update({k: v for k, v in source.metadata.items() if k in kept})
        target.disposition = source.disposition
        return _Track(source, target, encode)

    def _add_encoder(self, source: AudioStream, encoder: str) -> AudioStream:
        rates = av.Codec(encoder, "w").audio_rates or [source.rate]
        # The next higher rate keeps all frequencies.
        rate = min((r for r in rates if r >= source.rate), default=max(rates))
        # A WAV file may not name its channels, and some encoders support common layouts only.
        wanted = (source.layout.name, _COMMON_LAYOUTS.get(source.channels, "stereo"))
        layout = next((name for name in wanted if _opens(encoder, rate, name)), "stereo")
        target = self._output.add_stream(encoder, rate=rate)
        assert isinstance(target, AudioStream)
        target.layout = layout
        target.bit_rate = _BITS_PER_CHANNEL * len(target.layout.channels)
        return target

    def advance(self, until: float) -> None:
        """Writes all audio up to a time in seconds."""
        while self._next is not None and _time(self._next) <= until:
            self._carry(self._next)
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Writes the remaining audio."""
        self.advance(float("inf"))
        for track in self._tracks.values():
            if track.encode:
                self._encode(track, None)
                self._output.mux(track.target.encode(None))

    def close(self) -> None:
        """Closes the input."""
        self._input.close()

    def _carry(self, packet: Packet) -> None:
        track = self._tracks[packet.stream_index]
        if track.encode:
            self._encode(track, packet)
            return
        if packet.dts is not None:
            # Time stamps that run backwards, in a damaged file: no muxer accepts them.
            if track.last_dts is not None and packet.dts <= track.last_dts:
                return
            track.last_dts = packet.dts
        packet.stream = track.target
        self._output.mux(packet)

    def _encode(self, track: _Track, packet: Packet | None) -> None:
        for frame in _decode(track.source, packet):
            rate = frame.sample_rate
            if frame.pts is not None and frame.time_base is not None:
                at = round(frame.pts * frame.time_base * rate)
                # Matroska rounds to milliseconds: only a real gap may move the time stamps.
                if track.samples is None or abs(at - track.samples) > _JITTER * rate:
                    track.samples = at
            frame.pts, frame.time_base = track.samples or 0, Fraction(1, rate)
            track.samples = frame.pts + frame.samples
            self._output.mux(track.target.encode(frame))

    def _read(self, container: InputContainer) -> Iterator[Packet]:
        if not self._tracks:
            return
        try:
            for packet in container.demux(*(track.source for track in self._tracks.values())):
                # The last packet of a truncated file is incomplete.
                if packet.size and not packet.is_corrupt:
                    yield packet
        except FFmpegError as error:
            self.notes.append(f"the audio of {self._path.name} ends early: {error.strerror}")


def _opens(encoder: str, rate: int, layout: str) -> bool:
    """Whether an encoder supports a channel layout."""
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, AudioCodecContext)
    try:
        context.rate, context.layout = rate, layout
        context.format = (context.codec.audio_formats or [AudioFormat("s16")])[0]
        context.open()
    except (FFmpegError, ValueError):
        return False
    return True


def _time(packet: Packet) -> float:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return float("-inf") if stamp is None else float(stamp * packet.time_base)


def _decode(stream: AudioStream, packet: Packet | None) -> list[av.AudioFrame]:
    try:
        return stream.decode(packet)
    except FFmpegError:
        # A click is better than no audio.
        return []
