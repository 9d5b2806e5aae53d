import errno
import io
import sys
import types
from typing import Annotated

import pytest
import typer

from faceswap.core.command_line import Verb, run_command, run_program
from faceswap.core.errors import MediaError

VERBS = {
    "greet": Verb("verbs_for_test:greet", "Greets."),
    "break": Verb("verbs_for_test:break_", "Fails."),
    "weights": Verb("verbs_for_test:app", "Has verbs of its own."),
    "absent": Verb("no_such_module:verb", "Is imported only when called."),
}


def greet(name: str, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
    """Greets somebody."""
    print(name.upper() if loud else name)


def break_(how: str) -> None:
    """Fails in many ways."""
    errors: dict[str, BaseException] = {
        "user": MediaError("There is no file x.mp4.", "Check the path."),
        "interrupt": KeyboardInterrupt(),
        "full": OSError(errno.ENOSPC, "No space left on device"),
        "denied": PermissionError(errno.EACCES, "denied", "/secret"),
        "folder": NotADirectoryError(errno.ENOTDIR, "not a directory", "x/y"),
        "long": OSError(errno.ENAMETOOLONG, "too long", "a" * 300),
        "files": OSError(errno.EMFILE, "too many open files", "x"),
        "large": OSError(errno.EFBIG, "file too large", "x.mp4"),
        "memory": MemoryError(),
        "tensor": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        "fault": ZeroDivisionError("ours"),
        "runtime": RuntimeError("ours"),
        "exit": typer.Exit(1),
    }
    raise errors[how]


@pytest.fixture(autouse=True)
def verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("verbs_for_test")
    app = typer.Typer()
    app.command("list")(greet)
    app.command("break")(break_)
    vars(module).update(greet=greet, break_=break_, app=app)
    monkeypatch.setitem(sys.modules, "verbs_for_test", module)
    monkeypatch.delenv("RANK", raising=False)


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        run_program("tool", VERBS, "1.2", arguments)
    return caught.value.code


def test_help_lists_all_verbs_without_importing_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name, verb in VERBS.items():
        assert name in shown
        assert verb.help in shown


def test_verb_runs_with_its_own_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("greet", "anna", "--loud") == 0
    assert capsys.readouterr().out == "ANNA\n"
    assert run("-q", "weights", "list", "anna") == 0
    assert capsys.readouterr().out == "anna\n"


def test_help_of_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("greet", "--help") == 0
    shown = capsys.readouterr().out
    assert "Greets somebody." in shown
    assert "--loud" in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == "tool 1.2\n"


@pytest.mark.parametrize("arguments", [("greet",), ("gret", "x"), ("greet", "a", "--no-such")])
def test_usage_errors_exit_with_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert "Usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("user", 2, ["Error: There is no file x.mp4.", "Check the path."]),
        ("interrupt", 130, ["Interrupted."]),
        ("full", 2, ["Error: The disk is full."]),
        ("denied", 2, ["/secret"]),
        ("folder", 2, ["Expected a folder, found a file: x/y"]),
        ("long", 2, ["too long for the file system", "Choose a shorter name."]),
        ("files", 2, ["Too many open files", "ulimit -n"]),
        ("large", 2, ["x.mp4 would be larger", "ulimit -f"]),
        ("memory", 2, ["not enough memory"]),
        ("tensor", 2, ["not enough memory"]),
    ],
)
@pytest.mark.parametrize("prefix", [("break",), ("weights", "break")])
def test_errors_in_words(
    how: str,
    code: int,
    words: list[str],
    prefix: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*prefix, how) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) <= 3
    assert "Traceback" not in captured.err
    for word in words:
        assert word in captured.err


def test_verbose_shows_where_it_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--verbose", "break", "user") == 2
    assert "Traceback" in capsys.readouterr().err


def test_exit_code_of_a_verb() -> None:
    assert run("break", "exit") == 1


@pytest.mark.parametrize(("how", "kind"), [("fault", ZeroDivisionError), ("runtime", RuntimeError)])
def test_faults_of_ours_show_a_traceback(how: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="ours"):
        run_program("tool", VERBS, "1", ["break", how])


def test_a_terminal_of_few_characters_shows_the_rest_as_question_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(content, encoding="ascii"))
    assert run("greet", "\u5c71") == 0
    sys.stdout.flush()
    assert content.getvalue() == b"?\n"


def test_several_processes_say_which_failed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "2")
    assert run("break", "user") == 2
    assert capsys.readouterr().err.startswith("[rank 2] Error: There is no file")


def test_a_verb_as_a_script(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, code in ((["user"], 2), (["interrupt"], 130), ([], 2), (["--help"], 0)):
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        with pytest.raises(SystemExit) as caught:
            run_command(break_)
        assert caught.value.code == code
        assert "Traceback" not in capsys.readouterr().err
