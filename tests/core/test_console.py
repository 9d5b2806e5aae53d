import io
import sys

import pytest

from faceswap.core import console
from faceswap.core.console import TextTable, note, progress_bar, show_table, write_line


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(console, "time", clock)
    monkeypatch.delenv("RANK", raising=False)
    return clock


def test_lines_now_and_then_where_there_is_no_terminal(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar("extract clip", 100, unit="frames") as advance:
        for _ in range(5):
            clock.now += 4
            advance(10, text="1 face")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "extract clip: 30/100 frames (30 %), 2.5/s, 0:28 left, 1 face",
        "extract clip: 50/100 frames (50 %), 2.5/s, 0:20 left, 1 face",
    ]


def test_unknown_total(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("read", None) as advance:
        advance(3)
        clock.now += 1.5
    assert capsys.readouterr().err == "read: 3, 2/s\n"


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bar("train [a]", 10, unit="steps") as advance:
        advance(10, text="loss 0.5")
    shown = terminal.getvalue()
    for part in ("train [a]", "100%", "10/10 steps", "loss 0.5"):
        assert part in shown


def test_other_ranks_are_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    note("hello")
    with progress_bar("work", 2) as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_note_is_verbatim_and_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    text = "a [bold]file[/bold].mp4 " + "x" * 300
    note(text)
    assert capsys.readouterr().err == text + "\n"


def test_tables_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    table = TextTable("name", "value")
    table.add_row("torch", "2.9")
    show_table(table)
    captured = capsys.readouterr()
    assert "torch" in captured.out
    assert captured.err == ""


HOSTILE = "[/red]\x1b[2J\x1b]0;title\x07\udcff 山田"


def test_tables_and_lines_show_any_text_as_it_is(capsys):
    table = TextTable("[bold]name", HOSTILE, title=HOSTILE, caption="[/]")
    table.add_row(HOSTILE, ":smile: [link]")
    show_table(table)
    write_line(HOSTILE)
    shown = capsys.readouterr().out
    assert shown.count("[/red]") == 4
    assert "[bold]name" in shown
    assert ":smile: [link]" in shown
    assert "山田" in shown
    assert not any(character in shown for character in "\x1b\x07\udcff")


def test_lines_are_whole(capsys):
    write_line("a" * 5000)
    assert capsys.readouterr().out == "a" * 5000 + "\n"


def test_bars_show_any_text_as_it_is(capsys):
    with progress_bar(HOSTILE, 2, "files") as advance:
        advance(2, HOSTILE)
    assert "\x1b" not in capsys.readouterr().err
