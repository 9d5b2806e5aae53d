"""What a demo did, in figures: for programs as JSON, for people as Markdown."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faceswap
from faceswap.core.files import atomic_write, write_json
from faceswap.demonstration.stages import Figures
from faceswap.models.model_file import LoadedModel

SUMMARY, PAGE = "summary.json", "summary.md"


def summarise(
    figures: Mapping[str, Figures], settings: Mapping[str, Any], model: LoadedModel
) -> dict[str, Any]:
    """Brings the figures of all stages together.

    Args:
        figures: By stage, each with its ``seconds``; stages with ``frames`` get a rate.
        settings: What the demo was made with.
        model: What it trained.

    Returns:
        JSON values: settings, model, stages and total time.
    """
    stages = {}
    for name, stage in figures.items():
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
            "weights_sha256": model.digest,
        },
        "stages": stages,
        "total_seconds": sum(stage["seconds"] for stage in figures.values()),
    }


def write_summary(output: Path, summary: Mapping[str, Any]) -> None:
    """Writes ``summary.json`` and ``summary.md`` into a folder."""
    write_json(output / SUMMARY, summary)
    atomic_write(output / PAGE, as_markdown(summary).encode())


def headline(summary: Mapping[str, Any]) -> str:
    """The summary in a few lines."""
    stages = summary["stages"]
    ssim = ", ".join(f"{name} {value:.2f}" for name, value in _ssim(summary).items())
    lines = [
        f"{summary['total_seconds'] / 60:.1f} minutes in all; {stages['train']['steps']} steps of "
        f"training at {stages['train']['faces_per_second']:.0f} faces/s; "
        f"held-out SSIM {ssim or 'not measured'}."
    ]
    lines += [
        f"{name}: {check['taken_for_target']:.0%} taken for the target, the mouth follows with "
        f"r = {check['mouth_follows']:.2f}."
        for name, check in stages["check"]["checks"].items()
    ]
    return "\n".join(lines)


def _ssim(summary: Mapping[str, Any]) -> dict[str, float]:
    return summary["stages"]["train"]["held_out_ssim"]


def as_markdown(summary: Mapping[str, Any]) -> str:
    """The summary as a page."""
    checks = summary["stages"]["check"]
    ssim = ", ".join(f"{name} {value:.3f}" for name, value in _ssim(summary).items())
    lines = [
        "# Face swap demo",
        "",
        f"Two portraits were animated, their faces extracted, the model "
        f"`{summary['model']['architecture']}` trained on them "
        f"({summary['model']['parameters'] / 1e6:.1f} million parameters), and both clips "
        f"converted to the other face, in {summary['total_seconds'] / 60:.1f} minutes. "
        "The faces in `converted/`, `side_by_side.mp4` and `grid.jpg` are synthetic.",
        "",
        "![Originals and swaps](grid.jpg)",
        "",
        "| stage | time | speed | result |",
        "|---|---|---|---|",
        *(_row(name, stage) for name, stage in summary["stages"].items()),
        "",
        f"Similarity of reconstructed to real faces that were kept aside (SSIM, 1 is perfect): "
        f"{ssim or 'no faces were kept aside'}.",
        "",
        f"Checks on {checks['faces_checked']} faces of each clip. The judge is a linear "
        f"classifier of the two people's pixels, which tells {checks['real_told_apart']:.0%} of "
        "real faces apart. Following is the correlation with the original over time.",
        "",
        "| swap | face found | taken for the target | mouth follows | turning follows |",
        "|---|---|---|---|---|",
    ]
    for name, check in checks["checks"].items():
        found, taken = f"{check['faces_found']:.0%}", f"{check['taken_for_target']:.0%}"
        follows = f"{check['mouth_follows']:.2f} | {check['yaw_follows']:.2f}"
        lines.append(f"| {name} | {found} | {taken} | {follows} |")
    return "\n".join(lines) + "\n"


def _row(name: str, stage: Figures) -> str:
    speed = ""
    if "frames_per_second" in stage:
        speed = f"{stage['frames_per_second']:.1f} frames/s"
    elif "faces_per_second" in stage:
        speed = f"{stage['faces_per_second']:.1f} faces/s"
    counts = [f"{stage[unit]} {unit}" for unit in ("frames", "steps", "faces") if unit in stage]
    result = ", ".join(counts)
    return f"| {name} | {stage['seconds']:.1f} s | {speed} | {result} |"


def afterword(output: Path) -> str:
    """What to look at, and the same commands for footage of one's own."""
    commands = (
        "faceswap extract videos/ -o faces/",
        "faceswap train --config v1 --faces alice=faces/alice --faces bob=faces/bob -o runs/ab",
        "faceswap convert videos/alice.mp4 --model runs/ab --to bob --faceset faces/alice "
        "-o alice-as-bob.mp4",
        "faceswap convert videos/bob.mp4 --model runs/ab --to alice --faceset faces/bob "
        "-o bob-as-alice.mp4",
    )
    return "\n".join(
        [
            "",
            f"Look at {output / 'side_by_side.mp4'}, {output / 'grid.jpg'} and "
            f"{output / 'summary.md'}.",
            "",
            "The same with footage of your own, of people who agreed: alice.mp4 and bob.mp4 in "
            "videos/",
            *(f"  {command}" for command in commands),
        ]
    )
