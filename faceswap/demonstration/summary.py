"""Summary of a demo as JSON and Markdown."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faceswap
from faceswap.core.files import atomic_write, write_json
from faceswap.demonstration.stages import StageMetrics
from faceswap.models.model_file import LoadedModel

SUMMARY, PAGE = "summary.json", "summary.md"


def summarise(
    metrics: Mapping[str, StageMetrics], settings: Mapping[str, Any], model: LoadedModel
) -> dict[str, Any]:
    """Combine the metrics of all stages.

    Args:
        metrics: Metrics by stage, each with ``seconds``; stages with ``frames`` get a frame rate.
        settings: Settings of the demo, as JSON values.
        model: Trained model.

    Returns:
        Settings, model, stages and total time, as JSON values.
    """
    stages = {}
    for name, stage in metrics.items():
        rate = {}
        if "frames" in stage and stage["seconds"] > 0:
            rate = {"frames_per_second": stage["frames"] / stage["seconds"]}
        stages[name] = {**stage, **rate}
    return {
        "program": f"faceswap-toolkit {faceswap.__version__}",
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "settings": dict(settings),
        "model": {
            "architecture": model.meta.architecture,
            "options": model.meta.options,
            "parameters": sum(p.numel() for p in model.model.parameters()),
            "step": model.meta.step,
            "weights_sha256": model.digest,
        },
        "stages": stages,
        "total_seconds": sum(stage["seconds"] for stage in metrics.values()),
    }


def write_summary(output: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json`` and ``summary.md`` into a folder."""
    write_json(output / SUMMARY, summary)
    atomic_write(output / PAGE, as_markdown(summary).encode())


def headline(summary: Mapping[str, Any]) -> str:
    """The main results in a few lines."""
    stages = summary["stages"]
    ssim = ", ".join(f"{name} {value:.2f}" for name, value in _ssim(summary).items())
    lines = [
        f"{summary['total_seconds'] / 60:.1f} minutes in total; {stages['train']['steps']} "
        f"training steps at {stages['train']['faces_per_second']:.0f} faces/s; "
        f"held-out SSIM {ssim or 'not measured'}."
    ]
    lines += [
        f"{name}: {check['classified_as_target']:.0%} classified as the target, mouth correlation "
        f"{check['mouth_correlation']:.2f}."
        for name, check in stages["check"]["checks"].items()
    ]
    return "\n".join(lines)


def _ssim(summary: Mapping[str, Any]) -> dict[str, float]:
    return summary["stages"]["train"]["held_out_ssim"]


def as_markdown(summary: Mapping[str, Any]) -> str:
    """The summary as a Markdown page."""
    checks = summary["stages"]["check"]
    ssim = ", ".join(f"{name} {value:.3f}" for name, value in _ssim(summary).items())
    lines = [
        "# Face swap demo",
        "",
        f"Two portraits were animated, their faces extracted, the model "
        f"`{summary['model']['architecture']}` trained on them "
        f"({summary['model']['parameters'] / 1e6:.1f} million parameters), and both clips "
        f"converted to the other face by its best checkpoint (step {summary['model']['step']}), "
        f"in {summary['total_seconds'] / 60:.1f} minutes. "
        "The faces in `converted/`, `side_by_side.mp4` and `grid.jpg` are synthetic.",
        "",
        "![Originals and swaps](grid.jpg)",
        "",
        "| stage | time | speed | result |",
        "|---|---|---|---|",
        *(_row(name, stage) for name, stage in summary["stages"].items()),
        "",
        f"SSIM of reconstructed held-out faces (1 is perfect): {ssim or 'no held-out faces'}.",
        "",
        f"Checks on {checks['faces_checked']} faces of each clip. Faces are classified by a linear "
        f"pixel classifier with an accuracy of {checks['classifier_accuracy']:.0%} on real faces. "
        "Correlations are between source and output over time.",
        "",
        "| swap | face found | classified as target | mouth correlation | yaw correlation |",
        "|---|---|---|---|---|",
    ]
    for name, check in checks["checks"].items():
        found, classified = f"{check['faces_found']:.0%}", f"{check['classified_as_target']:.0%}"
        correlations = f"{check['mouth_correlation']:.2f} | {check['yaw_correlation']:.2f}"
        lines.append(f"| {name} | {found} | {classified} | {correlations} |")
    return "\n".join(lines) + "\n"


def _row(name: str, stage: StageMetrics) -> str:
    speed = ""
    if "frames_per_second" in stage:
        speed = f"{stage['frames_per_second']:.1f} frames/s"
    elif "faces_per_second" in stage:
        speed = f"{stage['faces_per_second']:.1f} faces/s"
    counts = [f"{stage[unit]} {unit}" for unit in ("frames", "steps", "faces") if unit in stage]
    result = ", ".join(counts)
    return f"| {name} | {stage['seconds']:.1f} s | {speed} | {result} |"


def afterword(output: Path) -> str:
    """The result files, and the commands for other footage."""
    commands = (
        "faceswap extract videos/ -o faces/",
        "faceswap train --config small --minutes 20 --faces alice=faces/alice "
        "--faces bob=faces/bob -o runs/ab",
        "faceswap convert videos/alice.mp4 --model runs/ab --to bob --faceset faces/alice "
        "-o alice-as-bob.mp4",
        "faceswap convert videos/bob.mp4 --model runs/ab --to alice --faceset faces/bob "
        "-o bob-as-alice.mp4",
    )
    return "\n".join(
        [
            "",
            f"Results: {output / 'side_by_side.mp4'}, {output / 'grid.jpg'} and "
            f"{output / 'summary.md'}.",
            "",
            "To swap your own footage of consenting people (alice.mp4 and bob.mp4 in videos/):",
            *(f"  {command}" for command in commands),
        ]
    )
