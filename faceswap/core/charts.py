"""Charts with names from users' files: matplotlib figures as SVG and PNG.

Names are labels, never mathematics, and every script is readable: in SVG the browser draws the
text, in PNG a font of this machine does. Where there is none, use ``fonts.drawable_names`` with a
legend beside the picture.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text

from faceswap.core.files import atomic_path
from faceswap.core.fonts import fonts_for
from faceswap.core.text import one_line

_LONGEST = 60  # characters of a label; longer ones leave no room for the chart
_DPI = 150


def chart_label(name: str | PurePath) -> str:
    """Text of a chart for a name from a file: one line, no control characters, no mathematics."""
    shown = one_line(name, longest=_LONGEST).replace("$", r"\$")
    # Legends leave out labels that begin with an underscore.
    return f" {shown}" if shown.startswith("_") else shown


def svg_chart(figure: Figure) -> bytes:
    """A figure as SVG with text as text, so that the browser chooses fonts for it."""
    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}), _every_script(figure):
        figure.savefig(buffer, format="svg", bbox_inches="tight")
    return buffer.getvalue()


def write_png_chart(path: Path, figure: Figure, dpi: float = _DPI) -> None:
    """Writes a figure as PNG, atomically.

    Raises:
        StorageFullError: The disk is full.
    """
    with atomic_path(path) as temporary, _every_script(figure):
        figure.savefig(temporary, dpi=dpi, format="png")


@contextmanager
def _every_script(figure: Figure) -> Iterator[None]:
    """Adds the fonts that the texts of a figure need."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        # Long names leave little room; the tight bounding box keeps everything visible.
        warnings.filterwarnings("ignore", "constrained_layout not applied")
        figure.draw_without_rendering()  # tick labels get their texts here
        texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
        families = [font.family for font in fonts_for("".join(t.get_text() for t in texts))[1:]]
        if families:
            for text in texts:
                text.set_fontfamily([*text.get_fontfamily(), *families])
        yield
