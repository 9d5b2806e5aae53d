import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from faceswap.core import fonts
from faceswap.core.captions import text_mask
from faceswap.core.charts import chart_label, svg_chart, write_png_chart
from faceswap.core.fonts import drawable_names, fonts_for, numbered_names, uncovered
from faceswap.core.page import Page

NAMES = [r"$\frac$", "$", r"a\$b$", "小狗", "котик", "_hidden", "two\nlines", "\x1b[31m", "b\udcff"]
EGYPTIAN = "\U00013000"  # in no font that is usually installed


def chart(names: list[str]) -> Figure:
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    labels = [chart_label(name) for name in names]
    for label in labels:
        axes.plot([0, 1], label=label)
    axes.set_xticks(range(len(names)), labels, rotation=90)
    axes.set_title(labels[0])
    axes.legend()
    return figure


def test_names_of_any_kind_are_labels(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = svg_chart(chart(NAMES)).decode()
        write_png_chart(tmp_path / "chart.png", chart(NAMES))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert {r"$\frac$", "$", r"a\$b$", "小狗", "котик", "two lines", r"\x1b[31m", r"b\xff"} <= {
        text.strip() for text in texts
    }
    assert sum(text.strip() == "_hidden" for text in texts) == 2  # tick and legend
    with Image.open(tmp_path / "chart.png") as picture:
        assert np.asarray(picture).min() < 128


def test_a_font_of_the_machine_is_found_for_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    # A symbol that DejaVu Sans lacks and STIX, which matplotlib contains too, has.
    symbol = next(
        chr(code)
        for code in range(0x2900, 0x2B00)
        if uncovered(chr(code)) == "" and len(fonts_for(chr(code))) > 1
    )
    assert drawable_names(["a", symbol]) == ["a", symbol]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg_chart(chart([symbol]))
    monkeypatch.setattr(fonts.font_manager.fontManager, "ttflist", [])
    for cached in (fonts._fonts, fonts._installed):
        cached.cache_clear()
    assert drawable_names(["a", symbol]) == ["a", "#2"]


def test_a_name_without_font_becomes_its_number() -> None:
    names = ["alice", EGYPTIAN, f"{EGYPTIAN}b"]
    assert drawable_names(names) == ["alice", "#2", "#3"]
    assert numbered_names(names) == [f"#2 = {EGYPTIAN}", f"#3 = {EGYPTIAN}b"]
    assert numbered_names(["alice", "котик"]) == []


@pytest.mark.parametrize("text", ["", "alice", "как котик", EGYPTIAN, "a" * 300, "\udcff\n"])
def test_text_fits_into_its_box(text: str) -> None:
    mask = text_mask(text, 22, 126)
    assert mask.shape == (22, 126)
    assert (mask.max() > 128) == bool(text)
    assert not mask[:, -1].all()


def test_a_page_of_any_names_can_be_written(tmp_path: Path) -> None:
    page = Page(f"{NAMES[-1]} <b>")
    section = page.section("", *NAMES)
    section.columns, section.rows = NAMES[:2], [NAMES[-2:]]
    section.add_picture(np.zeros((600, 600), np.uint8), NAMES[-1])
    page.write(tmp_path / "page.html")
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert r"b\xff &lt;b&gt;" in written
    assert "小狗" in written
    assert " ... " not in written
