"""Benchmark of extraction."""

import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import torch

from benchmarks.timing import Rate, exhaust, show, timed
from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.threads import operator_threads
from faceswap.core.weights import weights_path
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.report import ExtractReport
from faceswap.extraction.settings import ExtractSettings
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, warp
from faceswap.media.decoding import choose_decoding
from faceswap.media.images import encode_image
from faceswap.media.nvdec_video import NvdecReader
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.tracking.finder import build_tracker

_ROUNDS = 60


def benchmark_extraction(clip: Path, frames: int, device: torch.device) -> None:
    """Time extraction and its stages; the reference detects faces in every frame, sequentially."""
    print(f"networks on {_device_name(device)}", flush=True)
    settings = ExtractSettings()
    tracker = build_tracker(settings.detector, settings.landmarker, str(device))
    source = find_sources([clip])[0]
    images = [frame.image for frame in islice(VideoReader(clip), frames)]
    decoded = timed(lambda: exhaust(VideoReader(clip)))
    show("decode only", decoded, "frames/s")
    if device.type == "cuda":
        _time_nvdec(clip, device, decoded)
    show("track only", timed(lambda: exhaust(map(tracker.update, images))), "frames/s")
    reports: list[ExtractReport] = []

    def sequential() -> int:
        count = frames // 4
        for frame in islice(VideoReader(clip), count):
            for face in tracker.find_faces(frame.image):
                matrix = crop_matrix(face.landmarks.points, settings.crop_size, HEAD_COVERAGE)
                encode_image(warp(frame.image, matrix, settings.crop_size), ".jpg")
        return count

    def pipeline() -> int:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "faces"
            reports.append(extract_source(source, output, settings, device=str(device)))
        return reports[-1].frames

    reference = timed(sequential)
    show("reference: detection in every frame", reference, "frames/s")
    show("extract", timed(pipeline), "frames/s", reference)
    for name, rate in reports[-1].rates.items():
        show(f"  {name} by itself, meanwhile", Rate(rate, 1), "frames/s")
    for name, batch in (("facemesh", 1), ("iris", 2), ("blazeface_full", 1)):
        _compare_runners(name, batch, device)


def _time_nvdec(clip: Path, device: torch.device, reference: Rate) -> None:
    """Time NVDEC, or print why it does not decode the clip."""
    decoding = choose_decoding(clip, str(device))
    print(decoding.note, flush=True)
    if (video := decoding.video) is not None:
        rate = timed(lambda: exhaust(NvdecReader(video)))
        show("decode only, NVDEC", rate, "frames/s", reference)


def _compare_runners(name: str, batch: int, device: torch.device) -> None:
    """Time a network as torch operators on the CPU, and as it runs on the device, in turns."""
    reference, ours = (TFLiteNet(weights_path(name)) for _ in range(2))
    ours.to(device)
    images = torch.rand(batch, 3, *reference.input_size)
    moved = images.to(device)
    runners: dict[str, Callable[[], Sequence[torch.Tensor]]] = {
        "torch": lambda: reference.run_steps(images),
        "ours": lambda: [values.cpu() for values in ours(moved)],
    }
    spent = dict.fromkeys(runners, 0.0)
    with torch.inference_mode(), operator_threads(1):  # as in the pipeline
        for run in runners.values():
            run()  # the first run also loads and plans
        for _ in range(_ROUNDS):
            for kind, run in runners.items():
                begun = time.perf_counter()
                run()
                spent[kind] += time.perf_counter() - begun
    rates = {kind: Rate(_ROUNDS, seconds) for kind, seconds in spent.items()}
    show(f"reference: {name} as torch operators on one CPU thread", rates["torch"], "runs/s")
    show(f"{name} on {device}", rates["ours"], "runs/s", rates["torch"])


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device}, {torch.get_num_threads()} threads"
