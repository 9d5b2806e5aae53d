"""The verb ``classifier learn``: from one neuron to a face swap, each step a run and a picture."""

from pathlib import Path
from typing import Annotated

import typer

from classifier.lessons import LESSONS, Lesson, find_lesson
from classifier.lessons.figure import save_figure
from faceswap.core.console import progress_bar
from faceswap.core.errors import ConfigError


def learn(
    topic: Annotated[
        str, typer.Argument(help="A topic, 'all', or 'list' for all topics in order.")
    ] = "list",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the figures.")] = Path(
        "lessons"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides about everything random.")] = 0,
    data: Annotated[
        Path | None, typer.Option(help="Your own data, for lenet (idx files) and transfer.")
    ] = None,
) -> None:
    """Learn how it works, from one neuron to a face swap: a few lines and a figure for each topic.

    Every topic runs in seconds to about a minute, on data it makes itself.
    """
    if topic == "list":
        width = max(len(name) for name in LESSONS)
        for lesson in LESSONS.values():
            typer.echo(f"{lesson.topic:{width}}  {lesson.title}")
        return
    if topic == "all" and data is not None:
        raise ConfigError("--data is for one topic, found 'all'.", "Name the topic.")
    for lesson in LESSONS.values() if topic == "all" else [find_lesson(topic)]:
        _teach(lesson, output, seed, data)


def _teach(lesson: Lesson, output: Path, seed: int, data: Path | None) -> None:
    if lesson.takes("on_progress"):
        with progress_bar(lesson.topic, 100, "%") as advance:
            result = lesson.run(seed, data, lambda share: advance(100 * share))
    else:
        result = lesson.run(seed, data, lambda _share: None)
    path = output / f"{lesson.topic}.png"
    save_figure(lesson.figure(result), path)
    for line in lesson.describe(result):
        typer.echo(line)
    typer.echo(f"Figure: {path}")
