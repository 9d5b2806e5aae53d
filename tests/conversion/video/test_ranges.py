"""Ranges of a video in which faces are swapped; the others are kept or dropped."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.output.report import ConvertReport
from faceswap.conversion.pipeline import ConvertJob, EncodeSettings
from faceswap.conversion.video.ranges import Ranges, parse_ranges, place_pieces
from faceswap.conversion.video.segments import Segment
from faceswap.conversion.video.work_folder import SegmentRecord
from faceswap.core.errors import ConfigError
from faceswap.facesets.faceset import Faceset
from faceswap.media.encoders import VideoEncoding
from faceswap.media.images import write_image
from faceswap.media.joining import Piece
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.provenance.identity import open_identity
from tests.conversion.test_pipeline import swapper
from tests.footage import moving_portrait

FRAMES = 50


def convert(clip: Path, output: Path, faceset: Faceset, ranges: Ranges) -> ConvertReport:
    (source,) = find_sources([clip])
    encode = EncodeSettings(VideoEncoding("ffv1"))
    outputs, identity = name_outputs(source, output), open_identity()
    job = ConvertJob(source, outputs, swapper(), faceset, encode, identity, ranges=ranges)
    counted: list[int] = []
    report = job.run(on_frames=counted.append)
    assert sum(counted) == job.frames() == report.frames
    return report


def frames_of(path: Path) -> np.ndarray:
    return np.stack([frame.image for frame in VideoReader(path)])


def test_segments_are_cut_where_ranges_begin_and_end(clip):
    (source,) = find_sources([clip])
    whole = [Segment(0, 20), Segment(20, 50)]
    ranges = parse_ranges("10f", "15f", ["0:01-"], "keep")
    cut = ranges.restrict(whole, source)
    assert [(each.first, each.end, each.swapped) for each in cut] == [
        (0, 10, False),
        (10, 15, True),
        (15, 20, False),
        (20, 25, False),
        (25, 50, True),
    ]
    dropped = parse_ranges("10f", "15f", ["0:01-"], "drop").restrict(whole, source)
    assert dropped == [each for each in cut if each.swapped]
    for bad in (("60f", None), ("9f", "9f")):
        with pytest.raises(ConfigError):
            parse_ranges(*bad, [], "keep").restrict(whole, source)
    with pytest.raises(ConfigError, match="Expected --range A-B"):
        parse_ranges(None, None, ["90"], "keep")


def test_frames_outside_are_kept_as_they_are(clip, faceset, tmp_path):
    source = frames_of(clip)
    report = convert(clip, tmp_path / "out.mkv", faceset, parse_ranges("10f", "22f", [], "keep"))
    assert (report.frames, report.frames_swapped) == (FRAMES, 12)
    ours = frames_of(tmp_path / "out.mkv")
    changed = [index for index in range(FRAMES) if (ours[index] != source[index]).any()]
    assert changed == list(range(10, 22))


def test_frames_outside_are_dropped_with_their_sound(clip, faceset, tmp_path):
    source, output = frames_of(clip), tmp_path / "out.mkv"
    ranges = parse_ranges("5f", "15f", ["30f-45f"], "drop")
    report = convert(clip, output, faceset, ranges)
    assert (report.frames, report.frames_swapped, report.damage) == (25, 25, "")
    ours = frames_of(output)
    kept = np.concatenate([source[5:15], source[30:45]])
    assert (ours[:, :20] == kept[:, :20]).all()
    reader = VideoReader(output)
    times = [float(frame.pts * reader.info.time_base) for frame in reader]
    np.testing.assert_allclose(times, np.arange(25) / 25, atol=0.001)

    def sound(path: Path) -> list[tuple[Fraction, bytes]]:
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux(audio=0) if packet.size]
            return [((p.pts or 0) * p.time_base, bytes(p)) for p in packets]

    before = [data for time, data in sound(clip) if 0.2 <= time < 0.6 or 1.2 <= time < 1.8]
    after = sound(output)
    assert [data for _, data in after] == before
    assert float(after[-1][0]) == pytest.approx(1.0, abs=0.08)


def test_sound_after_the_last_range_is_dropped(clip, faceset, tmp_path):
    output = tmp_path / "out.mkv"
    convert(clip, output, faceset, parse_ranges(None, "25f", [], "drop"))
    with av.open(str(output)) as container:
        last = [packet for packet in container.demux(audio=0) if packet.size][-1]
        assert 0.85 < float((last.pts or 0) * last.time_base) < 1


def test_segments_that_cannot_be_decoded_are_no_cuts():
    def place(*segments: tuple[int, int, bool], cuts: bool = True):
        pieces = []
        for first, end, decoded in segments:
            pts = [*range(10 * first, 10 * end, 10)] if decoded else []
            record = SegmentRecord(pts, 10 if pts else 0, len(pts), len(pts), [], 0, [])
            pieces.append((Segment(first, end), record, Piece(Path(f"{first}"), pts)))
        placed, spans = place_pieces(pieces, cuts=cuts, time_base=Fraction(1, 10), frame=10)
        return [piece.pts[0] for piece in placed], [(s.begin, s.end, s.moved) for s in spans]

    damaged = [(0, 5, True), (5, 10, False), (10, 15, True)]
    assert place(*damaged, cuts=False) == ([0, 100], [])
    assert place(*damaged) == ([0, 100], [(0, 15, 0)])
    assert place((0, 5, False), (5, 10, True)) == ([50], [(0, 10, 0)])
    cut = [(5, 10, True), (20, 25, False), (25, 30, True), (30, 35, True)]
    assert place(*cut) == ([0, 50, 100], [(5, 10, 5), (25, 35, 20)])


def test_ranges_are_a_part_of_what_a_conversion_is_made_from(clip, faceset):
    (source,) = find_sources([clip])
    outputs, identity = name_outputs(source, Path("out.mkv")), open_identity()
    given = (source, outputs, swapper(), FaceFinding(), EncodeSettings(), identity)
    made = {
        ConvertJob(*given, ranges=ranges).conversion.fingerprint([])
        for ranges in (
            Ranges(),
            parse_ranges("5f", None, [], "keep"),
            parse_ranges("5f", None, [], "drop"),
        )
    }
    assert len(made) == 3


def test_photos_have_no_ranges(faceset, tmp_path):
    write_image(tmp_path / "in" / "1.png", moving_portrait(0))
    with pytest.raises(ConfigError, match="found photos"):
        convert(tmp_path / "in", tmp_path / "out", faceset, parse_ranges("1f", None, [], "keep"))
    assert not (tmp_path / "out").exists()
