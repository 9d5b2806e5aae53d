"""Checks of figures: both languages, and texts that can be read."""

import re
from itertools import combinations

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from classifier.lessons.figure import STYLE, _below

# A word of a language, unlike numbers, symbols such as x1, and names of layers such as C3.
WORD = re.compile(r"[^\W\d_]{3,}")


def check_figure(lesson, result, *same: str) -> Figure:
    """Draws a figure in both languages; returns the English one.

    Args:
        lesson: Lesson.
        result: What it computed.
        same: Texts, or parts of them, that are the same in French, such as names.
    """
    english, french = (_drawn(lesson, result, language) for language in ("en", "fr"))
    texts = [_texts(figure) for figure in (english, french)]
    assert len(texts[0]) == len(texts[1])
    for one, other in zip(*texts, strict=True):
        spoken = one.get_text().replace("mathdefault", "")  # of tick labels
        for name in same:
            spoken = spoken.replace(name, "")
        if WORD.search(spoken):
            assert one.get_text() != other.get_text(), one.get_text()
    captions = [_below(text) for text in lesson.caption]
    for caption in captions:
        with rc_context(STYLE):
            FigureCanvasAgg(caption).draw()
        lines = caption.texts[0].get_text().splitlines()
        assert not [line for line in lines if line[0] in ":;?!»"]
    for figure in (english, french, *captions):
        _check_places(figure)
    assert len(lesson.caption.english) > 40
    assert len(lesson.caption.french) > 40
    return english


def _drawn(lesson, result, language) -> Figure:
    figure = lesson.figure(result, language)
    with rc_context(STYLE):
        FigureCanvasAgg(figure).draw()
    return figure


def _texts(figure: Figure) -> list[Text]:
    found = figure.findobj(lambda each: isinstance(each, Text) and each.get_visible())
    return [text for text in found if isinstance(text, Text) and text.get_text().strip()]


def _check_places(figure: Figure) -> None:
    """No text leaves the picture; no two titles or labels of axes overlap."""
    whole = figure.bbox
    for text in _texts(figure):
        box = text.get_window_extent()
        if text.get_clip_on() or box.width == 0:
            continue
        inside = box.x0 >= whole.x0 - 1 and box.x1 <= whole.x1 + 1
        inside = inside and box.y0 >= whole.y0 - 1 and box.y1 <= whole.y1 + 1
        assert inside, f"{text.get_text()!r} leaves the figure"
    heads = [
        text
        for axes in figure.findobj(Axes)
        if isinstance(axes, Axes) and axes.axison
        for text in (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label)  # type: ignore[attr-defined]
        if text.get_text()
    ]
    for one, other in combinations(heads, 2):
        overlap = one.get_window_extent().padded(-1).overlaps(other.get_window_extent())
        assert not overlap, f"{one.get_text()!r} and {other.get_text()!r} overlap"
