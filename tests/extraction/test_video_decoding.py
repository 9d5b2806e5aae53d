"""All frames of a faceset come from one decoder; here PyAV stands in for NVDEC."""

import pytest

from faceswap.core.errors import FacesetError, MediaError
from faceswap.extraction import pipeline, video_decoding
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.record import read_record
from faceswap.media.decoding import Decoding
from faceswap.media.sources import find_sources
from tests.footage import write_clip


class KilledError(Exception):
    pass


@pytest.fixture
def source(tmp_path):
    return find_sources([write_clip(tmp_path / "clip.mp4", 12, sound=False)])[0]


@pytest.fixture
def with_nvdec(monkeypatch):
    monkeypatch.setattr(
        video_decoding, "choose_decoding", lambda *_: Decoding("nvdec", "decoded with NVDEC")
    )


def begin(source, directory):
    def kill(frames):
        raise KilledError

    with pytest.raises(KilledError):
        extract_source(source, directory, ExtractSettings(), on_frames=kill)


def decoder(directory):
    return read_record(directory)["extractor"].get("video_decoder")


def test_the_record_names_another_decoder_than_pyav(source, with_nvdec, tmp_path):
    report = extract_source(source, tmp_path / "faces", ExtractSettings())
    assert report.notes[0] == "decoded with NVDEC"
    assert decoder(tmp_path / "faces") == "nvdec"
    # Complete: nothing is decoded any more.
    assert extract_source(source, tmp_path / "faces", ExtractSettings()).frames_now == 0
    with pytest.raises(FacesetError, match="--video-decoder nvdec, not pyav"):
        extract_source(source, tmp_path / "faces", ExtractSettings(video_decoder="pyav"))


def test_pyav_is_not_recorded(source, tmp_path):
    report = extract_source(source, tmp_path / "faces", ExtractSettings(video_decoder="pyav"))
    assert report.notes == ()
    assert decoder(tmp_path / "faces") is None


def test_a_resumed_extraction_keeps_its_decoder(source, tmp_path, monkeypatch):
    asked = []

    def choose(path, device, choice, earlier):
        asked.append(earlier)
        return Decoding(earlier or "nvdec")

    monkeypatch.setattr(video_decoding, "choose_decoding", choose)
    monkeypatch.setattr(pipeline, "SHARD_FRAMES", 5)
    begin(source, tmp_path / "faces")
    assert decoder(tmp_path / "faces") == "nvdec"
    extract_source(source, tmp_path / "faces", ExtractSettings())
    extract_source(source, tmp_path / "faces", ExtractSettings(), overwrite=True)
    assert asked == [None, "nvdec", None]


def test_it_is_not_resumed_without_its_decoder(source, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_decoding, "choose_decoding", lambda *_: Decoding("nvdec"))
        begin(source, tmp_path / "faces")
    with pytest.raises(MediaError, match="begun with NVDEC"):
        extract_source(source, tmp_path / "faces", ExtractSettings(), device="cpu")
    assert decoder(tmp_path / "faces") == "nvdec"
