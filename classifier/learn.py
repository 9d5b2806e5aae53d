"""The verb ``classifier learn``: short lessons, from one neuron to a face swap."""

from pathlib import Path
from typing import Annotated

import typer

from classifier.lessons import LESSONS, Lesson, find_lesson
from classifier.lessons.figure import save_figure
from classifier.options import Overwrite
from faceswap.core.console import progress_bar, write_line
from faceswap.core.errors import ConfigError
from faceswap.core.outputs import claim_folder


def learn(
    topic: Annotated[
        str, typer.Argument(help="Topic, 'all', or 'list' to list the topics.")
    ] = "list",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory for the figures.")
    ] = Path("lessons"),
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    data: Annotated[
        Path | None,
        typer.Option(help="Data set for lenet or transfer."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Run short lessons, from one neuron to a face swap; each prints results and plots a figure.

    A lesson takes seconds to about a minute and generates its own data.
    """
    if topic == "list":
        width = max(len(name) for name in LESSONS)
        for lesson in LESSONS.values():
            write_line(f"{lesson.topic:{width}}  {lesson.title}")
        return
    if topic == "all" and data is not None:
        raise ConfigError("--data expects one topic, found 'all'.", "Choose a topic.")
    lessons = list(LESSONS.values()) if topic == "all" else [find_lesson(topic)]
    figures = [f"{lesson.topic}.png" for lesson in lessons]
    with claim_folder(output, figures, "the lessons", overwrite=overwrite):
        for lesson, figure in zip(lessons, figures, strict=True):
            _run_lesson(lesson, output / figure, seed, data)


def _run_lesson(lesson: Lesson, path: Path, seed: int, data: Path | None) -> None:
    if lesson.takes("on_progress"):
        with progress_bar(lesson.topic, 100, "%") as advance:
            result = lesson.run(seed, data, lambda fraction: advance(100 * fraction))
    else:
        result = lesson.run(seed, data, lambda _fraction: None)
    save_figure(lesson.figure(result), path, synthetic=lesson.synthetic)
    for line in lesson.describe(result):
        write_line(line)
    write_line(f"Figure: {path}")
