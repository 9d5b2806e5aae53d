import dataclasses
import datetime
import re
import sys
from pathlib import Path

import pytest
import typer

from faceswap import doctor as doctor_module
from faceswap.doctor import doctor
from faceswap.environment.checks import Finding, run_checks
from faceswap.environment.facts import Facts, Gpu, Library
from faceswap.provenance.identity import IdentityStatus

GB = 10**9
IDENTITY = IdentityStatus(Path("/config/identity/key.pem"))
HEALTHY = Facts(
    python=(3, 12, 1),
    torch=Library("2.9.0+cu130"),
    torchvision=Library("0.24.0+cu130"),
    opencv=Library("5.0.0"),
    opencv_builds={"opencv-python": "5.0.0.93", "opencv-python-headless": "5.0.0.93"},
    av=Library("18.1.0"),
    encoders={"libx264": "", "aac": "", "h264_nvenc": ""},
    gpus=(Gpu("RTX [4090]", 24 * GB, 20 * GB),),
    torch_cuda="13.0",
    driver_found=True,
    bf16=True,
    nvdec=Library("0.17.0+cu130"),
    weights={"facemesh": Path("/cache/face_landmark.tflite")},
    free_here=500 * GB,
    free_cache=500 * GB,
    cache=Path("/cache"),
    signing=IDENTITY,
)


def finding(subject: str, **changes: object) -> Finding:
    facts = dataclasses.replace(HEALTHY, **changes)  # pyright: ignore[reportArgumentType]
    return next(found for found in run_checks(facts) if found.subject == subject)


def test_a_healthy_machine_needs_no_remedy() -> None:
    for found in run_checks(HEALTHY):
        assert found.level == "ok", found
        assert found.remedy == "", found


@pytest.mark.parametrize(
    ("subject", "changes", "level", "words"),
    [
        ("Python", {"python": (3, 10, 2)}, "fail", "3.11 or newer"),
        ("torch", {"torch": Library(error="ImportError: libcudart")}, "fail", "pip install torch"),
        (
            "torchvision",
            {"torchvision": Library("0.28.0", "operator torchvision::nms does not exist")},
            "fail",
            "built for another torch than 2.9.0.*Reinstall both",
        ),
        ("torchvision", {"torchvision": Library("0.24.0+cpu")}, "warn", "different builds"),
        (
            "OpenCV",
            {"opencv_builds": {"opencv-python": "5.0.0.93", "opencv-python-headless": "4.9.0.80"}},
            "warn",
            "opencv-python==5.0.0.93 opencv-python-headless==5.0.0.93",
        ),
        ("OpenCV", {"opencv": Library(error="ImportError: libGL.so.1")}, "fail", "libGL"),
        ("GPU", {"gpus": (), "driver_found": False, "cores": 2}, "warn", "none; 2 CPU"),
        ("GPU", {"gpus": ()}, "warn", "Update the driver.*13.0"),
        ("GPU", {"gpus": (), "torch_cuda": None}, "warn", "CPU build"),
        ("GPU", {"gpus": (Gpu("A", 8 * GB, 1 * GB),)}, "warn", "1 of 8 GB free"),
        ("GPU", {"gpus": (), "apple_gpu": True}, "ok", "Apple"),
        ("bf16", {"bf16": False}, "ok", "fp32"),
        (
            "NVDEC",
            {"nvdec": Library(error="TorchCodec is not installed"), "nvdec_remedy": "pip install"},
            "ok",
            "PyAV decodes: TorchCodec is not installed.*pip install",
        ),
        (
            "NVDEC",
            {"nvdec": Library("0.17.0", "libnvcuvid is missing"), "nvdec_remedy": "Install it."},
            "warn",
            "libnvcuvid is missing.*Install it",
        ),
        (
            "NVDEC",
            {"nvdec": Library("0.17.0", "no GPU"), "nvdec_remedy": "See", "gpus": ()},
            "ok",
            "no GPU $",
        ),
        ("video", {"av": Library(error="ImportError: av")}, "fail", "reinstall av"),
        ("video", {"encoders": {"libx264": "not here", "aac": ""}}, "fail", "libx264 not here"),
        (
            "video",
            {"encoders": {"libx264": "", "aac": "", "h264_nvenc": "does not open"}},
            "ok",
            "unavailable: h264_nvenc",
        ),
        ("weights", {"weights": {"facemesh": None}}, "ok", "faceswap weights fetch"),
        (
            "weights",
            {"weights": {"facemesh": None}, "index_reachable": False},
            "fail",
            "pip cannot download them: facemesh.*FACESWAP_WEIGHTS",
        ),
        ("weights", {"weights": {"facemesh": None}, "offline": True}, "fail", "OFFLINE"),
        ("disk", {"free_here": 5 * GB}, "warn", "5 GB"),
        ("disk", {"free_here": 10**8}, "fail", "0 GB"),
        ("cache", {"cache_error": "Read-only"}, "fail", "FACESWAP_CACHE"),
        ("cache", {"free_cache": 10**7}, "warn", "full"),
        ("signing", {}, "ok", "created on first use in /config/identity"),
        (
            "signing",
            {"signing": dataclasses.replace(IDENTITY, expires=datetime.datetime(2036, 5, 1))},
            "ok",
            "valid to 2036-05-01",
        ),
        (
            "signing",
            {
                "signing": dataclasses.replace(
                    IDENTITY, expires=datetime.datetime(2036, 5, 1), readable_by_others=True
                )
            },
            "warn",
            "readable by other users.*chmod 600 /config/identity/key.pem",
        ),
        (
            "signing",
            {"signing": dataclasses.replace(IDENTITY, problem="/config cannot be written")},
            "fail",
            "cannot be written.*FACESWAP_CONFIG.*--sign-cert",
        ),
    ],
)
def test_a_problem_is_reported_with_a_remedy(
    subject: str, changes: dict[str, object], level: str, words: str
) -> None:
    found = finding(subject, **changes)
    assert found.level == level
    assert re.search(words, f"{found.found} {found.remedy}")
    assert level == "ok" or found.remedy


def run(monkeypatch: pytest.MonkeyPatch, facts: Facts) -> None:
    monkeypatch.setattr(doctor_module, "gather_facts", lambda: facts)
    doctor()


def test_the_report_fits_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, HEALTHY)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    shown = "\n".join(lines)
    assert "RTX [4090]" in shown
    assert "All required checks passed." in shown


def test_a_failed_check_sets_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught:
        run(monkeypatch, dataclasses.replace(HEALTHY, python=(3, 9, 0)))
    assert caught.value.exit_code == 1
    assert "Failed checks: 1" in capsys.readouterr().out


def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    # The tests need these libraries, so the checks of them must pass.
    doctor()
    shown = capsys.readouterr().out
    assert ".".join(map(str, sys.version_info[:3])) in shown
    assert "libx264" in shown
