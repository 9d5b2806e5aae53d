"""A report as a self-contained HTML page with embedded figures, images and videos."""

import base64
import io
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from faceswap.core.charts import svg_chart
from faceswap.core.files import atomic_write
from faceswap.core.text import printable

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{% for name, content in page.metadata.items() %}<meta name="{{ name }}" content="{{ content }}">
{% endfor %}<title>{{ page.title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
.text { text-align: left; } td.text:not(:first-child) { color: #555; }
.grid { display: flex; flex-wrap: wrap; gap: .8rem; align-items: flex-start; }
figure { margin: 0; display: table; }
figcaption { display: table-caption; caption-side: bottom; font-size: .8rem; color: #555; }
img, video { max-width: 100%; height: auto; display: block; }
@media (max-width: 40rem) { figure { display: block; max-width: 100%; }
  figcaption { display: block; } .wide { overflow-x: auto; } .wide img { max-width: none; } }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; }
  th, td { border-color: #444; } td.text:not(:first-child), figcaption { color: #aaa; }
  .plot { background: #fff; } }
</style></head><body>
<h1>{{ page.title }}</h1>
{% if page.notice %}<p><strong>{{ page.notice }}</strong></p>{% endif %}
{% for section in page.sections %}
{% if section.heading %}<h2>{{ section.heading }}</h2>{% endif %}
{% for text in section.paragraphs %}<p>{% for piece in text.split("`") -%}
{% if loop.index0 is odd %}<code>{{ piece }}</code>{% else %}{{ piece }}{% endif %}
{%- endfor %}</p>{% endfor %}
{% if section.rows %}<table><thead><tr>{% for name in section.columns %}
<th{% if loop.index0 in section.texts %} class="text"{% endif %}>{{ name }}</th>{% endfor %}
</tr></thead><tbody>{% for row in section.rows %}<tr>{% for cell in row %}
<td{% if loop.index0 in section.texts %} class="text"{% endif %}>{{ cell }}</td>{% endfor %}
</tr>{% endfor %}</tbody></table>{% endif %}
<div class="grid">{% for item in section.items %}<figure>
{% if item.kind == "video" %}<video controls loop muted src="{{ item.source }}"></video>
{% else %}<div{% if item.wide %} class="wide"{% endif %}><img
{% if item.kind == "plot" %} class="plot"{% endif %} alt="{{ item.caption }}"
 src="{{ item.source }}"></div>{% endif %}
<figcaption>{{ item.caption }}</figcaption></figure>{% endfor %}</div>
{% endfor %}</body></html>
"""

_NUMBER = re.compile(r"[-+−±.]*\d|[-–]?$")  # or a dash or nothing in place of a number


_WIDE = 2.5  # ratio of the sides from which a picture is scrolled


@dataclass(frozen=True)
class _Item:
    kind: str
    source: str
    caption: str
    wide: bool = False


@dataclass
class Section:
    """A heading with text, a table and figures.

    Attributes:
        heading: Heading; may be empty.
        paragraphs: Paragraphs of plain text; what stands between backquotes is set as code.
        columns: Column names of the table.
        rows: Cells of the table; numbers are not rounded.
        items: Figures, images and videos below the table.
    """

    heading: str = ""
    paragraphs: list[str] = field(default_factory=list)
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str | int | float]] = ()
    items: list[_Item] = field(default_factory=list)

    @property
    def texts(self) -> frozenset[int]:
        """Indices of the text columns, aligned left; columns of numbers are aligned right."""
        return frozenset(
            column
            for row in self.rows
            for column, cell in enumerate(row)
            if column == 0 or (isinstance(cell, str) and not _NUMBER.match(cell))
        )

    def add_plot(self, figure: Figure, caption: str = "") -> None:
        """Adds a matplotlib figure as SVG; see ``add_picture`` on wide ones."""
        width, height = figure.get_size_inches()
        chart = _data("image/svg+xml", svg_chart(figure))
        self.items.append(_Item("plot", chart, caption, wide=width > _WIDE * height))

    def add_picture(self, image: NDArray[np.uint8], caption: str = "") -> None:
        """Adds an image, ``(H, W, 3) uint8`` RGB or ``(H, W) uint8`` grey, as JPEG.

        One that is much wider than high is scrolled on narrow screens, instead of shrunk.
        """
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=90)
        height, width = image.shape[:2]
        picture = _data("image/jpeg", buffer.getvalue())
        self.items.append(_Item("picture", picture, caption, wide=width > _WIDE * height))

    def add_photo(self, path: Path, caption: str = "") -> None:
        """Embeds a JPEG file as it is, with its metadata."""
        self.items.append(_Item("picture", _data("image/jpeg", path.read_bytes()), caption))

    def add_video(self, path: Path, caption: str = "") -> None:
        """Embeds a video that browsers play (MP4 with H.264)."""
        self.items.append(_Item("video", _data("video/mp4", path.read_bytes()), caption))


@dataclass
class Page:
    """An HTML page of sections.

    Attributes:
        title: Title.
        notice: Sentence below the title that holds for the whole page; may be empty.
        metadata: Metadata of the page by name.
        sections: Sections in order.
    """

    title: str
    notice: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)

    def section(self, heading: str = "", *paragraphs: str) -> Section:
        """Appends a section and returns it."""
        self.sections.append(Section(heading, list(paragraphs)))
        return self.sections[-1]

    def write(self, path: Path) -> None:
        """Writes the page atomically; all text is escaped."""
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, finalize=_encodable)
        atomic_write(
            path, environment.from_string(_TEMPLATE).render(page=self).encode(errors="replace")
        )


def _encodable(value: object) -> object:
    """Names of files may hold bytes that are not text."""
    return printable(value, longest=sys.maxsize) if isinstance(value, str) else value


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
