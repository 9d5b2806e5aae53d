import os
import sys
from pathlib import Path

import pytest

from faceswap.core.text import one_line, printable, readable_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [/red] $\\frac$", "plain [/red] $\\frac$"),
        ("\x1b[2Jgone\r", "\\x1b[2Jgone\\x0d"),
        ("小狗 котик é", "小狗 котик é"),
        ("left\u202egnp.exe", "left\\u202egnp.exe"),
        (b"na\xffme".decode("utf-8", "surrogateescape"), "na\\xffme"),
        ("line\nnext\t.", "line\nnext\t."),
    ],
)
def test_only_characters_that_are_safe_to_display_remain(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).encode()


def test_long_text_is_cut_in_the_middle() -> None:
    shown = printable("a" * 5000 + "b" * 5000, longest=101)
    assert shown == "a" * 48 + " ... " + "b" * 48


def test_one_line_has_one_line() -> None:
    assert one_line("a\n  b\tc") == "a b c"


@pytest.mark.skipif(sys.platform == "win32", reason="names are Unicode")
def test_names_that_are_not_utf8_stay_different():
    names = [os.fsdecode(raw) for raw in (b"a\xff.png", b"a\xfe.png", "a\u00fc.png".encode())]
    assert [readable_name(name) for name in names] == [r"a\xff.png", r"a\xfe.png", "a\u00fc.png"]
    assert readable_name(Path("in") / names[0]) == str(Path("in") / r"a\xff.png")
