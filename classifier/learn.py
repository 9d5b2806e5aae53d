"""The verb ``classifier learn``: short lessons, from one neuron to a face swap."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from classifier.lessons import TOPICS, Topic, find_topic
from classifier.lessons.language import Language, spoken
from classifier.lessons.lesson import Lesson
from classifier.lessons.notebook import make_notebook
from classifier.options import Overwrite
from faceswap.core.console import progress_bar, write_line
from faceswap.core.errors import ConfigError
from faceswap.core.files import atomic_write
from faceswap.core.outputs import claim_folder


def learn(
    topic: Annotated[
        str, typer.Argument(help="Topic, 'all', or 'list' to list the topics.")
    ] = "list",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory for figures and notebooks.")
    ] = Path("lessons"),
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    language: Annotated[Language, typer.Option(help="Language of the figures.")] = "en",
    data: Annotated[
        Path | None,
        typer.Option(help="Data set for the lessons that can use your own."),
    ] = None,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="Write Jupyter notebooks instead of running.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Run short lessons, from one neuron to a face swap; each prints results and plots a figure.

    A lesson takes seconds to about a minute and generates its own data.
    """
    if topic == "list":
        width = max(len(name) for name in TOPICS)
        with spoken(language):
            for name, each in TOPICS.items():
                write_line(f"{name:{width}}  {each.title}")
        return
    topics = dict(TOPICS) if topic == "all" else {topic: find_topic(topic)}
    if data is not None:
        _check_takes_data(topic, topics, notebook=notebook)
    ending = "ipynb" if notebook else "png"
    written = [f"{name}.{ending}" for name in topics]
    with claim_folder(output, written, "the lessons", overwrite=overwrite):
        for (name, each), file in zip(topics.items(), written, strict=True):
            if notebook:
                _write_notebook(name, each, output / file, seed, language)
            else:
                _run_lesson(name, each.lesson(), output / file, seed, data, language)


def _check_takes_data(topic: str, topics: dict[str, Topic], *, notebook: bool) -> None:
    if notebook:
        raise ConfigError("--data has no effect on notebooks.", "Give `data` in the last cell.")
    if topic == "all":
        raise ConfigError("--data expects one topic, found 'all'.", "Choose a topic.")
    if not topics[topic].lesson().takes("data"):
        raise ConfigError(f"The lesson {topic!r} generates its own data.", "Remove --data.")


def _run_lesson(
    name: str, lesson: Lesson, path: Path, seed: int, data: Path | None, language: Language
) -> None:
    if lesson.takes("on_progress"):
        with progress_bar(name, 100, "%") as advance:
            result = lesson.run(seed, data, lambda fraction: advance(100 * fraction))
    else:
        result = lesson.run(seed, data, lambda _fraction: None)
    lesson.save(result, path, language)
    for line in [*lesson.describe(result), f"Figure: {path}"]:
        write_line(line)


def _write_notebook(name: str, topic: Topic, path: Path, seed: int, language: Language) -> None:
    with spoken(language):
        heading = str(topic.title)
    made = make_notebook(name, importlib.import_module(topic.module), heading, seed, language)
    import nbformat

    atomic_write(path, nbformat.writes(made).encode())
    write_line(f"Notebook: {path}")
