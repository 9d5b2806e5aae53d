import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from faceswap.core.page import Page


def test_a_page_holds_everything_and_sets_words_from_the_left(tmp_path: Path) -> None:
    page = Page("<Crème> & co")
    section = page.section("Numbers", "All < of them.")
    section.columns = ("class", "value", "interval", "meaning")
    section.rows = [("7", "0.93", "–", "a share"), ("b", -0.4, "0.1 to 0.2", "3 of them")]
    section.add_picture(np.full((8, 8, 3), 200, np.uint8), "grey")
    page.write(tmp_path / "page.html")
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h1>&lt;Crème&gt; &amp; co</h1>" in written
    assert "All &lt; of them." in written
    assert 'src="data:image/jpeg;base64,' in written
    assert not re.search(r'(src|href)="(?!data:)', written)  # it opens offline
    head = re.findall(r"<th( class=\"text\")?>(\w+)", written)
    assert [(bool(text), name) for text, name in head] == [
        (True, "class"),
        (False, "value"),
        (False, "interval"),
        (True, "meaning"),
    ]
    cells = re.findall(r"<td( class=\"text\")?>([^<]*)", written)
    assert [bool(text) for text, _ in cells] == [True, False, False, True] * 2


def test_wide_pictures_are_not_shrunk_on_phones(tmp_path: Path) -> None:
    page = Page("Strips")
    section = page.section()
    for width, caption in ((32, "wide"), (8, "square")):
        section.add_picture(np.zeros((8, width, 3), np.uint8), caption)
    for width, caption in ((9, "wide"), (5, "usual")):
        section.add_plot(Figure(figsize=(width, 3)), caption)
    page.write(tmp_path / "page.html")
    written = (tmp_path / "page.html").read_text()
    found = re.findall(r'<div( class="wide")?><img[^>]* alt="(\w+)"', written)
    names = [(bool(scrolled), caption) for scrolled, caption in found]
    assert names == [(True, "wide"), (False, "square"), (True, "wide"), (False, "usual")]


def test_backquotes_are_code_and_everything_is_escaped(tmp_path: Path) -> None:
    page = Page("<t>")
    page.section("", "Run `faces <A>` first & `last`.")
    page.write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    paragraph = "<p>Run <code>faces &lt;A&gt;</code> first &amp; <code>last</code>.</p>"
    assert paragraph in text
