"""Text on pictures, in any script that a font of this machine can show."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from faceswap.core.fonts import fonts_for, uncovered
from faceswap.core.text import one_line

_LONGEST = 80  # characters


@lru_cache(64)
def text_mask(text: str, height: int, width: int) -> NDArray[np.uint8]:
    """Coverage of a line of text that fits into a box, at its left and vertically centred.

    Characters that no font of this machine can show become question marks.

    Args:
        text: Text; control characters are made visible.
        height: Height of the box in pixels.
        width: Width of the box in pixels; wider text is shrunk.

    Returns:
        ``(height, width) uint8``, 255 inside of the letters. Shared: do not change it.
    """
    line = one_line(text, longest=_LONGEST)
    line = line.translate(dict.fromkeys(map(ord, uncovered(line)), "?"))
    size = 0.62 * height
    # Fonts of other scripts have Latin letters too, but the default font has nothing of theirs.
    path = fonts_for(line)[-1].path
    font = ImageFont.truetype(str(path), size)
    across = font.getlength(line)
    if across > width:
        font = ImageFont.truetype(str(path), max(1.0, size * width / across))
    picture = PillowImage.new("L", (width, height))
    ImageDraw.Draw(picture).text((0, height / 2), line, fill=255, font=font, anchor="lm")
    mask = np.array(picture, np.uint8)
    mask.flags.writeable = False
    return mask
