"""Lessons as Jupyter notebooks, made from their own source."""

import ast
import inspect
import io
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from classifier.lessons.language import Language, say, spoken
from classifier.lessons.lesson import Lesson
from faceswap.core.optional import require

if TYPE_CHECKING:
    from nbformat import NotebookNode

_RUN = """\
result = LESSON.run(seed={seed}, data=None, on_progress=lambda _fraction: None)
print(*LESSON.describe(result), sep="\\n")
Drawing(LESSON, result, {language!r})"""


class Drawing:
    """The figure of a result as notebooks show it: with its caption, and marked if synthetic.

    Args:
        lesson: Lesson.
        result: Result of the lesson.
        language: Language of the figure.
    """

    def __init__(self, lesson: Lesson[Any], result: Any, language: Language) -> None:
        self._png = io.BytesIO()
        lesson.save(result, self._png, language)

    def _repr_png_(self) -> bytes:
        return self._png.getvalue()


def make_notebook(
    name: str, module: ModuleType, heading: str, seed: int = 0, language: Language = "en"
) -> "NotebookNode":
    """Make a notebook of a lesson: its source in cells that can be changed, and its run.

    Args:
        name: Name of the topic.
        module: Module of the lesson.
        heading: Sentence below the title.
        seed: Seed of the run.
        language: Language of the figure.

    Raises:
        MissingExtraError: The extra ``notebook`` is not installed.
    """
    require("nbformat", "notebook")
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    about = f"# {name}\n\n{heading}\n\n{inspect.cleandoc(module.__doc__ or '')}"
    cells = [new_markdown_cell(about)]
    cells += [new_code_cell(part) for part in _parts(inspect.getsource(module))]
    with spoken(language):
        again = say(
            "Change anything above, run it, and compute again:",
            "Modifiez ce qui précède, exécutez-le, puis relancez le calcul :",
        )
    cells.append(new_markdown_cell(again))
    shown = "from classifier.lessons.notebook import Drawing\n\n"
    cells.append(new_code_cell(shown + _RUN.format(seed=seed, language=language)))
    for number, cell in enumerate(cells):
        cell["id"] = f"{name}-{number}"  # by default random: notebooks would differ by each run
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _parts(source: str) -> Iterator[str]:
    """The imports of a module, then each run of assignments, function and class, with comments."""
    lines = source.splitlines()
    body = ast.parse(source).body[1:]  # without the docstring
    ends = [node.end_lineno or 0 for node in body]
    parts: list[tuple[str, list[str]]] = []
    start = ast.parse(source).body[0].end_lineno or 0
    for node, end in zip(body, ends, strict=True):
        kind = _kind(node)
        text = lines[start:end]
        start = end
        if parts and parts[-1][0] == kind != "definition":
            parts[-1][1].extend(text)
        else:
            parts.append((kind, text))
    for _, text in parts:
        yield "\n".join(text).strip("\n")


def _kind(node: ast.stmt) -> str:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "imports"
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return "definition"
    return "values"
