"""All frames of a faceset come from one decoder; here PyAV stands in for NVDEC."""

import pytest

from faceswap.core.errors import FacesetError, MediaError
from faceswap.extraction import video_decoding
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.video_decoding import decoder_record, decoding_of
from faceswap.facesets.record import read_record
from faceswap.media.decoding import Decoding
from faceswap.media.hashed_source import hash_source
from faceswap.media.sources import find_sources
from tests.extraction.short_segments import cut_short
from tests.footage import write_clip


class KilledError(Exception):
    pass


def kill_at_once(frames):
    if frames:
        raise KilledError


def test_a_faceset_keeps_its_decoder(tmp_path, monkeypatch):
    source = find_sources([write_clip(tmp_path / "clip.mp4", 6, sound=False)])[0]
    directory, settings, asked = tmp_path / "faces", ExtractSettings(), []

    def choose(path, device, choice, earlier):
        asked.append(earlier)
        return Decoding("nvdec", "decoded with NVDEC")

    cut_short(monkeypatch, 2, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_decoding, "choose_decoding", choose)
        with pytest.raises(KilledError):
            extract_source(source, directory, settings, on_frames=kill_at_once)
    assert read_record(directory)["extractor"]["video_decoder"] == "nvdec"

    # Without a GPU it is not resumed.
    with pytest.raises(MediaError, match="begun with NVDEC"):
        extract_source(source, directory, settings, device="cpu")

    monkeypatch.setattr(video_decoding, "choose_decoding", choose)
    report = extract_source(source, directory, settings)
    assert (report.frames, report.notes[0]) == (6, "decoded with NVDEC")
    record = read_record(directory)
    assert record["complete"]
    assert record["extractor"]["video_decoder"] == "nvdec"
    assert asked == [None, "nvdec"]

    # Complete: nothing is decoded any more, on whatever device.
    assert extract_source(source, directory, settings, device="cpu").frames_now == 0
    assert asked == [None, "nvdec"]
    with pytest.raises(FacesetError, match="--video-decoder nvdec, not pyav"):
        extract_source(source, directory, ExtractSettings(video_decoder="pyav"))

    # What is replaced, and what belongs to another source, has no say.
    hashed = hash_source(source)
    decoding_of(hashed, directory, "auto", "cuda", overwrite=True)
    other = find_sources([write_clip(tmp_path / "other.mp4", 3, sound=False)])[0]
    decoding_of(hash_source(other), directory, "auto", "cuda", overwrite=False)
    assert asked == [None, "nvdec", None, None]


def test_pyav_is_not_recorded():
    assert decoder_record(Decoding()) == {}
    assert decoder_record(Decoding("nvdec")) == {"video_decoder": "nvdec"}
