"""Copies the audio, the subtitles and the data of one file into another, packet by packet."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av import Packet
from av.audio.codeccontext import AudioCodecContext
from av.audio.format import AudioFormat
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import DataStream, Stream
from av.subtitles.stream import SubtitleStream

from faceswap.media.clock import SoundClock
from faceswap.media.container import films, open_media, video_stream
from faceswap.media.data_streams import data_streams, dropped_data, keeps_meaning
from faceswap.media.kept_spans import KeptSpan, kept_packets
from faceswap.media.muxer_trial import MuxerTrial
from faceswap.media.muxers import MUXERS
from faceswap.media.subtitles import TEXT_CODECS, convert_text, prepare_text

_COMMON_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_BITS_PER_CHANNEL = 96_000
_JITTER = 0.02  # seconds
_LATE = 0.05  # seconds by which sound may be early without being noticed
_SHORTEST = Fraction(1, 1000)  # seconds; the shortest time that every container can store

_StreamT = TypeVar("_StreamT", AudioStream, SubtitleStream, DataStream)


@dataclass
class _Track:
    """A stream that is copied, or audio or text that is re-encoded.

    Attributes:
        source: Stream of the input.
        target: Stream of the output; has an encoder when ``encode`` is set.
        encode: Whether it is re-encoded; packets are copied otherwise.
        last_dts: Decoding time stamp of the last copied packet.
        samples: Presentation time of the next frame to encode, in samples.
        begun: Whether a packet was carried over.
    """

    source: AudioStream | SubtitleStream | DataStream
    target: AudioStream | SubtitleStream | DataStream
    encode: bool = False
    last_dts: int | None = None
    samples: int | None = None
    begun: bool = False


class AudioFeed:
    """Copies all audio streams of a file into an output, interleaved with the video.

    Packets are copied if the container accepts them, and re-encoded to AAC (Opus for WebM)
    otherwise. They are read when they are needed, so memory use is constant. Time stamps are moved
    as ``VideoReader`` moves those of the pictures.

    Args:
        path: File with the audio; it may have no audio stream.
        output: Container being written, before its header is written.
        suffix: Suffix of the output file.
        with_audio: Whether audio is copied.
        with_extras: Whether subtitles (converted if they are text) and data are copied too.
        kept: Spans of time of which packets are copied; empty for all.

    Attributes:
        path: Path of the file.
        input: The file.
        notes: Messages for the user about streams that were re-encoded, dropped or truncated.

    Raises:
        MediaError: The file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        output: OutputContainer,
        suffix: str,
        *,
        with_extras: bool = False,
        with_audio: bool = True,
        kept: Sequence[KeptSpan] = (),
    ) -> None:
        self.notes: list[str] = []
        self.path = path
        self._output = output
        self._suffix = suffix
        self._muxer = MUXERS[suffix]
        with ExitStack() as stack:
            self.input = stack.enter_context(open_media(path))
            trial = MuxerTrial(path, self._muxer.name, self._muxer.options)
            added = [
                self._add_audio(source, number, trial)
                for number, source in enumerate(self.input.streams.audio, 1)
                if with_audio
            ]
            if with_extras:
                added += [
                    self._add_subtitles(source, number, trial)
                    for number, source in enumerate(self.input.streams.subtitles, 1)
                ]
                added += self._add_data(trial)
            self._tracks = {track.source.index: track for track in added if track is not None}
            self._packets = kept_packets(self._read(), kept)
            self._next = next(self._packets, None)
            stack.pop_all()  # closed by ``close``

    def _add_audio(self, source: AudioStream, number: int, trial: MuxerTrial) -> _Track | None:
        if source.codec_context is None:
            self.notes.append(f"audio stream {number} has an unknown codec and was dropped")
            return None
        codec = source.codec_context.codec.canonical_name
        if not codec.startswith(self._muxer.poor_audio) and trial.accepts(source):
            return self._copied(source)
        encoder = self._muxer.audio
        self.notes.append(
            f"audio stream {number} was re-encoded to {encoder.removeprefix('lib')}:"
            f" {self._suffix} does not support {codec}"
        )
        return _Track(source, _labelled(self._add_encoder(source, encoder), source), encode=True)

    def _add_subtitles(
        self, source: SubtitleStream, number: int, trial: MuxerTrial
    ) -> _Track | None:
        context = source.codec_context
        if context is not None and trial.accepts(source):
            return self._copied(source)
        codec = context.codec.canonical_name if context is not None else "unknown codec"
        problem = f"{self._suffix} does not support {codec}"
        if codec not in TEXT_CODECS or not self._muxer.text:
            self.notes.append(f"subtitle stream {number} was dropped: {problem}")
            return None
        encoder = self._muxer.text
        target = self._output.add_stream(encoder)
        assert isinstance(target, SubtitleStream)
        prepare_text(target)
        self.notes.append(f"subtitle stream {number} was converted to {encoder}: {problem}")
        return _Track(source, _labelled(target, source), encode=True)

    def _add_data(self, trial: MuxerTrial) -> Iterator[_Track]:
        dropped = []
        for source in data_streams(self.input):
            if keeps_meaning(source) and trial.accepts(source):
                yield self._copied(source)
            else:
                dropped.append(source)
        self.notes += dropped_data(dropped)

    def _copied(self, source: _StreamT) -> _Track:
        return _Track(source, _labelled(self._output.add_stream_from_template(source), source))

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

    def finish(self, until: float = float("inf")) -> None:
        """Writes the remaining audio.

        Args:
            until: Time in seconds at which it is cut off.
        """
        self.advance(until)
        if self._next is not None:
            self.notes.append(f"the audio of {self.path.name} is longer and was cut off")
        for track in self._tracks.values():
            if track.encode and isinstance(track.target, AudioStream):
                self._encode(track, None)
                self._output.mux(track.target.encode(None))

    def close(self) -> None:
        """Closes the input."""
        self.input.close()

    def _carry(self, packet: Packet) -> None:
        track = self._tracks[packet.stream_index]
        if not track.begun:
            self._note_start(track, _time(packet))
        if not track.encode:
            self._copy(track, packet)
        elif isinstance(track.source, AudioStream):
            self._encode(track, packet)
        else:
            assert isinstance(track.source, SubtitleStream)
            assert isinstance(track.target, SubtitleStream)
            converted = convert_text(track.source, track.target, packet)
            if converted is not None:
                self._copy(track, converted)

    def _note_start(self, track: _Track, begin: float) -> None:
        track.begun = True
        late = self._muxer.stamps == "ticks" and begin > _LATE
        if late and isinstance(track.source, AudioStream):
            self.notes.append(
                f"audio begins {begin:.2f} s too early: {self._suffix} does not store its start"
            )

    def _copy(self, track: _Track, packet: Packet) -> None:
        if self._muxer.stamps == "ticks" and _ends_before_start(packet):
            return  # the container would move the pictures, by whole frames
        if packet.dts is not None:
            # No muxer accepts time stamps that run backwards: what overlaps follows at once.
            if track.last_dts is not None and packet.dts <= track.last_dts:
                packet.dts = track.last_dts + max(1, round(_SHORTEST / packet.time_base))
                packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
            track.last_dts = packet.dts
        packet.stream = track.target
        self._output.mux(packet)

    def _encode(self, track: _Track, packet: Packet | None) -> None:
        assert isinstance(track.source, AudioStream)
        assert isinstance(track.target, AudioStream)
        for frame in _decode(track.source, packet):
            rate = frame.sample_rate
            if frame.pts is not None and frame.time_base:
                at = round(frame.pts * frame.time_base * rate)
                # Matroska rounds to milliseconds: only a real gap may move the time stamps.
                if track.samples is None or at - track.samples > _JITTER * rate:
                    track.samples = at
            frame.pts, frame.time_base = track.samples or 0, Fraction(1, rate)
            track.samples = frame.pts + frame.samples
            self._output.mux(track.target.encode(frame))

    def _read(self) -> Iterator[Packet]:
        if not self._tracks:
            return
        pictures = next(iter(films(self.input)), None) and video_stream(self.input, self.path)
        sources = [track.source for track in self._tracks.values()]
        try:
            for packet in SoundClock(self.input, pictures, sources).read():
                # The last packet of a truncated file is incomplete.
                if not packet.is_corrupt:
                    yield packet
        except FFmpegError as error:
            self.notes.append(f"the audio of {self.path.name} ends early: {error.strerror}")


def _labelled(target: _StreamT, source: Stream) -> _StreamT:
    kept = {"language", "title", "handler_name"}
    target.metadata.update({k: v for k, v in source.metadata.items() if k in kept})
    target.disposition = source.disposition
    return target


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


def _ends_before_start(packet: Packet) -> bool:
    """Whether a packet is heard before time 0, as what encoders put in front of the sound."""
    stamp = packet.dts if packet.pts is None else packet.pts
    return stamp is not None and stamp + (packet.duration or 1) <= 0


def _decode(stream: AudioStream, packet: Packet | None) -> list[av.AudioFrame]:
    try:
        return stream.decode(packet)
    except FFmpegError:
        # A click is better than no audio.
        return []
