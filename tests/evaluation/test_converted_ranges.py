"""Evaluation of conversions in which faces are swapped in ranges of the video only."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import faceswap.evaluate as verb
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.video.ranges import parse_ranges
from faceswap.core.documents import read_json
from faceswap.core.hashed_file import HashedFile
from faceswap.evaluation.converted import ConvertedEvaluation, ConvertedInputs, evaluate_converted
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.frame_pairs import sample_frame_indices
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.encoders import VideoEncoding
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from faceswap.provenance.describe import describe
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.identity import open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.metadata import SYNTHETIC
from faceswap.provenance.signing import ManifestSigner
from faceswap.provenance.swapped_ranges import SwappedRanges
from tests.conversion.test_pipeline import swapper
from tests.evaluation.conftest import Colours, blue_portrait
from tests.footage import moving_portrait, write_clip

FRAMES = 50
CODECS = {".mkv": "ffv1", ".mp4": "libx264", ".webm": "libvpx-vp9"}
# Each frame is shown longer than the one before it, so that no two cuts move frames alike.
TIMES = [index * (index + 20) for index in range(FRAMES)]  # ms


def varying_clip(path: Path) -> Path:
    """A clip without sound whose frames are shown at ``TIMES``."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "12", "preset": "ultrafast"}
        for index, time in enumerate(TIMES):
            frame = av.VideoFrame.from_ndarray(moving_portrait(index), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> dict[str, tuple[Path, Faceset]]:
    """Clips of constant and of varying frame rate, and their facesets."""
    folder, found = tmp_path_factory.mktemp("footage"), {}
    for name, clip in (
        ("steady", write_clip(folder / "steady.mp4", FRAMES)),
        ("varying", varying_clip(folder / "varying.mp4")),
    ):
        extract_source(find_sources([clip])[0], folder / name, ExtractSettings())
        found[name] = clip, Faceset.open(folder / name)
    return found


@pytest.fixture(scope="module")
def convert(footage, tmp_path_factory) -> Callable[..., Path]:
    """A function that converts ranges of a clip, without a loss outside of the faces."""

    def make(*ranges: str, outside: str, clip: str = "steady", name: str = "out.mkv") -> Path:
        path, faces = footage[clip]
        (source,) = find_sources([path])
        outputs = name_outputs(source, tmp_path_factory.mktemp("out") / name)
        encode = EncodeSettings(VideoEncoding(CODECS[outputs.path.suffix]))
        chosen = parse_ranges(None, None, ranges, outside)  # pyright: ignore[reportArgumentType]
        job = ConvertJob(source, outputs, swapper(), faces, encode, open_identity(), ranges=chosen)
        job.run()
        return outputs.path

    return make


@pytest.fixture(scope="module")
def evaluate(footage) -> Callable[..., ConvertedEvaluation]:
    """A function that compares a conversion with its clip."""
    finder = FaceFinder()

    def measure(output: Path, clip: str = "steady", frames: int = 300) -> ConvertedEvaluation:
        path, faces = footage[clip]
        inputs = ConvertedInputs(path, output, faces)
        return evaluate_converted(inputs, finder, recognizer=None, frames=frames, baseline=False)

    return measure


def evaluated_frames(found: ConvertedEvaluation) -> list[int]:
    return [score.index for score in found.comparison.results[0].scores]


def changed_frames(found: ConvertedEvaluation) -> list[int]:
    """Frames whose face is not that of the source."""
    scores = found.comparison.results[0].scores
    changes = [(score.index, score.change) for score in scores]
    return [index for index, change in changes if change is not None and abs(change).max() > 20]


def test_only_swapped_frames_are_measured_where_the_others_are_kept(convert, evaluate):
    found = evaluate(convert("10f-22f", "1.2-1.4", "49f-", outside="keep", name="out.mp4"))
    swapped = [*range(10, 22), *range(30, 35), 49]
    assert evaluated_frames(found) == changed_frames(found) == swapped
    assert found.file == {
        "frames_missing": 0,
        "time_error": pytest.approx(0, abs=0.5),
        "audio_packets_equal": 1,
        "audio_error": 0,
    }


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_frames_of_a_cut_file_are_compared_with_what_they_were_made_of(convert, evaluate, name):
    found = evaluate(convert("5f-15f", "1.2-1.8", outside="drop", name=name))
    assert evaluated_frames(found) == changed_frames(found) == [*range(5, 15), *range(30, 45)]
    values = found.comparison.results[0].summary.values
    # Of another frame, everything in the picture would have moved.
    assert values["codec_mean"] < (0.5 if name == "out.mkv" else 3)
    assert found.file == {
        "frames_missing": 0,
        "time_error": pytest.approx(0, abs=0.5),
        "audio_packets_equal": 1,
        "audio_error": 0,
    }


@pytest.mark.parametrize("outside", ["keep", "drop"])
def test_times_of_a_varying_frame_rate(convert, evaluate, outside):
    ranges = "0.15-0.4", "1.0-1.5"
    found = evaluate(convert(*ranges, outside=outside, clip="varying"), "varying")
    swapped = [
        index for index, time in enumerate(TIMES) if 150 <= time < 400 or 1000 <= time < 1500
    ]
    assert evaluated_frames(found) == changed_frames(found) == swapped
    assert found.file == {"frames_missing": 0, "time_error": pytest.approx(0, abs=0.5)}


def test_blocks_of_consecutive_frames_lie_within_a_range():
    spans = [(10, 22), (40, 44), (60, 100)]
    assert sample_frame_indices(spans, 56) == {*range(10, 22), *range(40, 44), *range(60, 100)}
    # A block that began in the middle of the 50 frames, at 20, would end behind the gap.
    chosen = sample_frame_indices([(0, 25), (100, 125)], 30)
    assert chosen == {*range(10), *range(15, 25), *range(115, 125)}
    chosen = sample_frame_indices(spans, 30)
    assert chosen == {*range(10, 20), *range(67, 77), *range(90, 100)}
    short = [(first, first + 4) for first in range(0, 400, 20)]
    chosen = sample_frame_indices(short, 40)
    assert {index % 20 for index in chosen} == {0, 1, 2, 3}
    assert 8 <= len(chosen) <= 40


def test_jitter_does_not_cross_gaps(convert, evaluate):
    # Two frames of each range: none of them has two neighbours, though five follow each other in
    # the file.
    cut = evaluate(convert("5f-7f", "20f-22f", "35f-36f", outside="drop"))
    assert evaluated_frames(cut) == [5, 6, 20, 21, 35]
    values = cut.comparison.results[0].summary.values
    assert not {"jitter", "flicker", "local_flicker"} & values.keys()


def test_lost_frames_and_lost_sound_of_a_cut_file_are_measured(
    convert, evaluate, footage, tmp_path
):
    ranges = SwappedRanges(((5, 15), (30, 45)), "drop")
    clip = footage["steady"][0]
    kept = [*range(5, 15), *range(30, 45)][:-4]
    frames = signed_copy(clip, tmp_path / "out.mp4", kept, ranges)
    found = evaluate(frames)
    assert found.file["frames_missing"] == 4
    assert (found.file["audio_packets_equal"], found.file["audio_error"]) == (0, 1)
    late = signed_copy(clip, tmp_path / "late.mp4", kept, ranges, delay=0.08)
    assert evaluate(late).file["time_error"] == pytest.approx(80, abs=1)


def signed_copy(
    clip: Path, path: Path, frames: list[int], ranges: SwappedRanges, delay: float = 0
) -> Path:
    """Frames of a clip without its sound, signed as if faces had been swapped."""
    reader = VideoReader(clip)
    source = [frame.image for frame in reader]
    signer = ManifestSigner(open_identity(), Conversion({}, ["bob"], {}))
    sign = signer.for_sources(HashedFile.of(clip), ranges=ranges)
    with VideoWriter(path, reader.info, metadata=SYNTHETIC, sign=sign) as writer:
        for number, index in enumerate(frames):
            pts = (number / 25 + (delay if number else 0)) / reader.info.time_base
            writer.write(source[index], round(pts))
    return path


class Watched(Colours):
    """A recognizer that keeps the frames whose faces it embeds."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, images, landmarks):
        self.seen += images
        return super().__call__(images, landmarks)


def test_the_source_is_known_by_frames_in_the_ranges(footage, tmp_path):
    # Behind the range somebody else is seen.
    clip = write_clip(
        tmp_path / "two.mp4", 20, lambda i: moving_portrait(i) if i < 8 else blue_portrait(i)
    )
    (tmp_path / "out").mkdir()
    output = signed_copy(
        clip, tmp_path / "out" / "out.mp4", [*range(20)], SwappedRanges(((0, 8),), "keep")
    )
    seen, target = Watched(), footage["steady"][1]
    inputs = ConvertedInputs(clip, output, target=target)
    options = {"recognizer": seen, "frames": 4, "baseline": False}
    evaluate_converted(inputs, FaceFinder(), **options)
    assert len(seen.seen) > 8
    assert all(image[..., 0].mean() > image[..., 2].mean() for image in seen.seen)


def test_the_manifest_and_the_notes_name_the_swapped_frames(convert, evaluate):
    output = convert("5f-15f", "15f-20f", "1.2-", "49f-", outside="drop")
    stated = read_provenance(output).conversion
    assert stated is not None
    assert (stated["ranges"], stated["outside"]) == ([[5, 20], [30, 50]], "drop")
    said = "faces were swapped in the frames 5 to 19 and 30 to 49 of the source; the others were "
    assert ("ranges", f"{said}cut out") in describe(read_provenance(output))
    found = evaluate(output)
    assert found.ranges == SwappedRanges(((5, 20), (30, 50)), "drop")
    assert found.notes == [
        f"By the manifest of out.mkv, {said}cut out. Only the swapped frames were evaluated."
    ]


def test_files_without_ranges_in_an_intact_manifest(convert, evaluate, footage, tmp_path):
    clip, everything = footage["steady"][0], [*range(FRAMES)]
    found = evaluate(clip)
    assert (evaluated_frames(found), found.ranges, found.notes) == (everything, None, [])
    output = convert("10f-22f", outside="keep")
    sidecar = output.with_name(f"{output.name}.c2pa")
    content = bytearray(output.read_bytes())
    content[content.rindex(b"faceswap")] ^= 0x20  # a letter of a tag
    output.write_bytes(content)
    changed = evaluate(output)
    assert evaluated_frames(changed) == [*range(10, 22)]
    assert changed.notes[1] == "out.mkv was changed after its manifest was written."
    manifest = bytearray(sidecar.read_bytes())
    place = manifest.index(b"ranges")
    manifest[place] ^= 1
    sidecar.write_bytes(manifest)
    broken = evaluate(output)
    assert (evaluated_frames(broken), broken.ranges) == (everything, None)
    assert broken.notes == [
        "All frames of out.mkv were evaluated, swapped or not: its manifest is damaged or was "
        "altered."
    ]
    sidecar.unlink()
    assert evaluate(output).notes == []


@pytest.mark.parametrize(
    "stated",
    [
        {"ranges": []},
        {"ranges": [[3, 3]]},
        {"ranges": [[5, 9], [9, 12]]},
        {"ranges": [[5, 9], [1, 2]]},
        {"ranges": [[-1, 2]]},
        {"ranges": [["1", "2"]]},
        {"ranges": [[1, 2, 3]]},
        {"ranges": "all"},
        {"ranges": [[1, 2]], "outside": "burn"},
    ],
)
def test_ranges_of_another_form_are_refused(stated):
    with pytest.raises(ProvenanceError, match="ranges in the manifest"):
        SwappedRanges.of({"outside": "keep"} | stated)


def test_many_ranges_are_described_in_short():
    ranges = SwappedRanges(tuple((10 * n, 10 * n + 1 + n % 2) for n in range(10)), "keep")
    assert ranges.describe() == (
        "faces were swapped in the frames 0, 10 to 11, 20, 30 to 31, 40, 50 to 51, 60, 70 to 71 "
        "and 2 further ranges of the source; the others were kept as they were"
    )


def test_samples_of_sound_that_was_cut_and_encoded_again_are_not_compared(convert, evaluate):
    found = evaluate(convert("5f-15f", "1.2-1.8", outside="drop", name="out.webm"))
    assert (found.file["frames_missing"], found.file["audio_packets_equal"]) == (0, 0)
    assert "audio_error" not in found.file
    assert [entry.metrics for entry in found.skipped] == [("audio_error",)]


def test_terminal_and_report_name_the_swapped_frames(convert, footage, tmp_path, capsys):
    verb.evaluate(
        output=tmp_path / "out",
        converted=convert("10f-22f", outside="keep", name="out.mp4"),
        source=footage["steady"][0],
        device="cpu",
    )
    said = (
        "By the manifest of out.mp4, faces were swapped in the frames 10 to 21 of the source; the "
        "others were kept as they were. Only the swapped frames were evaluated."
    )
    shown = capsys.readouterr()
    assert said in " ".join(shown.err.split())
    assert "(12 frames)" in shown.out
    numbers = read_json(tmp_path / "out" / "metrics.json")
    assert numbers["swapped"] == {"ranges": [[10, 22]], "outside": "keep"}
    assert numbers["notes"] == [said]
    assert said in (tmp_path / "out" / "index.html").read_text()
