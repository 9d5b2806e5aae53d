"""Text from files and file names, made safe to display."""

import shlex
import unicodedata
from pathlib import PurePath

# The joiners are part of words in Persian and Indic scripts, and of emoji.
_SHOWN = frozenset("\n\t\u200c\u200d")
# Control and format characters move the cursor, reorder the line or hide parts of it; surrogates
# are the bytes of a file name that is not UTF-8, and cannot be encoded.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LONGEST = 2000


def printable(text: str | PurePath, *, longest: int = _LONGEST) -> str:
    r"""Replaces characters that could control a terminal, or that cannot be encoded.

    ``"\x1b[2J"`` becomes the visible ``"\\x1b[2J"``. Line feeds and tabs stay; text longer than
    ``longest`` characters is cut in the middle.
    """
    shown = str(text)
    if len(shown) > longest:
        half = (longest - 5) // 2
        shown = f"{shown[:half]} ... {shown[-half:]}"
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(map(_shown, shown))


def readable_name(name: str | PurePath) -> str:
    r"""A name of the file system as valid Unicode: bytes that are not UTF-8 become ``\xNN``.

    Unlike ``printable`` text it is meant for files and for comparison: nothing else is replaced.
    """
    return str(name).encode(errors="surrogateescape").decode(errors="backslashreplace")


def one_line(text: str | PurePath, *, longest: int = 200) -> str:
    """``printable`` text in one line, for tables and titles."""
    return printable(" ".join(str(text).split()), longest=longest)


def shell_word(value: object) -> str:
    """A value, such as a path with blanks, as a word of a command that can be pasted."""
    return shlex.quote(str(value))


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 frame``, ``2,000 frames``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _shown(character: str) -> str:
    if character in _SHOWN or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte itself
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else "\ufffd"
