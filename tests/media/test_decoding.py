import sys
from types import SimpleNamespace

import pytest

from faceswap.core.errors import MediaError
from faceswap.media import decoding
from faceswap.media.decoding import Decoding, choose_decoding
from faceswap.media.nvdec_check import NotForNvdecError
from faceswap.media.nvdec_library import NvdecUnavailableError, check_nvdec, load_torchcodec


@pytest.fixture
def refuse(monkeypatch):
    """Makes NVDEC unusable for a reason."""

    def replace(error: Exception) -> None:
        def check(path, device):
            raise error

        monkeypatch.setattr(decoding, "decode_with_torchcodec", check)

    return replace


def test_without_a_gpu_there_is_no_choice(tmp_path):
    assert choose_decoding(tmp_path / "a.mp4", "cpu") == Decoding()
    assert choose_decoding(tmp_path / "a.mp4", "cpu", "pyav") == Decoding()
    assert choose_decoding(tmp_path / "a.mp4", "cpu", earlier="pyav") == Decoding()


@pytest.mark.parametrize(
    "error",
    [NvdecUnavailableError("TorchCodec is absent", "pip"), NotForNvdecError("it is interlaced")],
)
def test_the_summary_says_why_it_is_not_nvdec(refuse, tmp_path, error):
    refuse(error)
    chosen = choose_decoding(tmp_path / "a.mp4", "cuda:1")
    assert (chosen.decoder, chosen.video) == ("pyav", None)
    assert chosen.note.startswith(f"decoded with PyAV, not with NVDEC: {error}")


def test_a_decoder_is_never_replaced_by_another(refuse, tmp_path):
    refuse(NotForNvdecError("it is interlaced"))
    path = tmp_path / "a.mp4"
    with pytest.raises(MediaError, match=r"begun with NVDEC.*it is interlaced") as caught:
        choose_decoding(path, "cuda", earlier="nvdec")
    assert "--overwrite" in caught.value.hint
    with pytest.raises(MediaError, match=r"^NVDEC cannot decode.*it is interlaced"):
        choose_decoding(path, "cuda", "nvdec")
    with pytest.raises(MediaError, match="the device is cpu"):
        choose_decoding(path, "cpu", "nvdec")
    with pytest.raises(MediaError, match=r"begun with NVDEC.*the device is cpu"):
        choose_decoding(path, "cpu", earlier="nvdec")
    assert "as the frames before" in choose_decoding(path, "cuda", earlier="pyav").note
    assert "--video-decoder" in choose_decoding(path, "cuda", "pyav").note


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(NvdecUnavailableError, match="no NVIDIA GPU"):
        check_nvdec("cuda")
    monkeypatch.setitem(sys.modules, "torchcodec", SimpleNamespace(ffmpeg_major_version=None))
    with pytest.raises(NvdecUnavailableError, match="cannot load FFmpeg's"):
        load_torchcodec()
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(NvdecUnavailableError, match="TorchCodec is not installed") as caught:
        load_torchcodec()
    assert "faceswap-toolkit[nvdec]" in caught.value.remedy
