"""Command lines of both packages: verbs are imported on use, errors become messages."""

import errno
import functools
import importlib
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

from faceswap.core.errors import FaceswapError, StorageFullError
from faceswap.core.files import user_path
from faceswap.core.log import get_logger, rank, setup_logging
from faceswap.core.memory import is_exhausted
from faceswap.core.text import printable

P = ParamSpec("P")
R = TypeVar("R")
_INTERRUPTED = 130
_log = get_logger(__name__)


@dataclass(frozen=True)
class Verb:
    """A verb of a command line.

    Attributes:
        place: ``package.module:name`` of its typer command function, of a ``typer.Typer`` with
            subcommands, or of a table of verbs, of which only the one that is used is imported.
        help: One-line summary for the list of verbs.
    """

    place: str
    help: str


def run_command(function: Callable[..., object]) -> NoReturn:
    """Runs one typer command function as a program and exits.

    For verbs that are scripts, too: ``if __name__ == "__main__": run_command(train)``.
    """
    setup_logging()
    _accept_any_text()
    app = _new_app()
    app.command()(_guarded(function))
    app()
    raise SystemExit(0)


def run_program(
    name: str, verbs: Mapping[str, Verb], version: str, arguments: Sequence[str] | None = None
) -> NoReturn:
    """Runs a program of several verbs and exits.

    Only the verb named by the arguments is imported, so ``--help`` is fast.

    Args:
        name: Name of the program.
        verbs: Verbs by name, in the order of the help page.
        version: Version printed by ``--version``.
        arguments: Arguments without the program name; those of the process by default.
    """
    _accept_any_text()
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [argument for argument in given if not argument.startswith("-")]
    app = _new_app()
    app.callback()(_options(name, version))
    _add_verbs(app, verbs, words)
    app(given, prog_name=name)
    raise SystemExit(0)


def _add_verbs(app: typer.Typer, verbs: Mapping[str, Verb], words: Sequence[str]) -> None:
    """Adds verbs to a command line, and imports the one that the first of the words names."""
    for name, verb in verbs.items():
        command = _guarded(load_verb)(verb) if name in words[:1] else _placeholder
        if isinstance(command, Mapping):
            group = _new_app()
            _add_verbs(group, command, words[1:])
            app.add_typer(group, name=name, help=verb.help)
        elif isinstance(command, typer.Typer):
            _guard_all(command)
            app.add_typer(command, name=name, help=verb.help)
        else:
            # The help page of a verb shows its docstring, the list of verbs one line.
            text = verb.help if command is _placeholder else None
            app.command(name, help=text, short_help=verb.help)(_guarded(command))


def _accept_any_text() -> None:
    """Lets a terminal of a limited character set show the rest as question marks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _new_app() -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _placeholder() -> None:
    """Placeholder of a verb that is listed but not called."""


def load_verb(verb: Verb) -> Any:
    """Imports a verb: its typer command function, its ``typer.Typer``, or its table of verbs."""
    module, _, name = verb.place.partition(":")
    return getattr(importlib.import_module(module), name)


def _options(name: str, version: str) -> Callable[..., None]:
    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"{name} {version}")
            raise typer.Exit

    def options(
        verbose: Annotated[
            bool, typer.Option("--verbose", "-v", help="Show debug messages and tracebacks.")
        ] = False,
        quiet: Annotated[
            bool, typer.Option("--quiet", "-q", help="Show warnings and errors only.")
        ] = False,
        _version: Annotated[
            bool,
            typer.Option(
                "--version", callback=show_version, is_eager=True, help="Show the version."
            ),
        ] = False,
    ) -> None:
        setup_logging(verbose - quiet)

    return options


def _guard_all(app: typer.Typer) -> None:
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _guarded(command.callback)


def _guarded(function: Callable[P, R]) -> Callable[P, R]:
    """Wraps a function: errors that the user can fix become a message and an exit code."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        expanded = {name: _expanded(value) for name, value in kwargs.items()}
        try:
            return function(*args, **expanded)  # type: ignore[arg-type]
        except FaceswapError as error:
            _fail(error)
        except KeyboardInterrupt:
            _print("Interrupted.")
            raise SystemExit(_INTERRUPTED) from None
        except (OSError, MemoryError, RuntimeError) as error:
            user_error = _as_user_error(error)
            if user_error is None:
                raise
            _fail(user_error)

    return guarded


def _expanded(value: object) -> object:
    """The value of an option with ``~`` as the home folder in paths."""
    if isinstance(value, Path):
        return user_path(value)
    if isinstance(value, list):
        return [_expanded(entry) for entry in value]
    return value


_SYSTEM_ERRORS = {
    errno.ENOENT: ("There is no file or folder {}.", "Check the path."),
    errno.EEXIST: ("{} exists already.", "Choose another path."),
    errno.ENOTDIR: ("Expected a folder, found a file: {}.", "Choose another path."),
    errno.EISDIR: ("Expected a file, found a folder: {}.", "Choose another path."),
    errno.ENAMETOOLONG: ("The name is too long for the file system: {}.", "Choose a shorter name."),
    errno.EFBIG: (
        "{} would be larger than the file system or the limit of this session allows.",
        "Raise the limit (`ulimit -f`), or choose a folder on another disk.",
    ),
    errno.EMFILE: ("Too many open files.", "Raise the limit: `ulimit -n 4096`."),
    errno.ENFILE: ("Too many open files on this machine.", "Close other programs."),
    errno.ELOOP: ("The links of {} lead in a circle.", "Correct the links."),
    errno.EIO: ("The disk failed at {}.", "Check the disk and its connection."),
    errno.ETXTBSY: ("{} is in use by another program.", "Close it."),
    errno.EBUSY: ("{} is in use by another program.", "Close it."),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        ("No permission to use {}.", "Change its permissions, or choose another."),
    ),
}


def _as_user_error(error: OSError | MemoryError | RuntimeError) -> FaceswapError | None:
    """Error message for a system error that the user can fix; None for others (bugs)."""
    if is_exhausted(error):
        return FaceswapError(
            "There is not enough memory.", "Close other programs, or use smaller settings."
        )
    if not isinstance(error, OSError):
        return None
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFullError("The disk is full.", "Free some space and run the command again.")
    if error.errno not in _SYSTEM_ERRORS:
        return None
    message, hint = _SYSTEM_ERRORS[error.errno]
    return FaceswapError(message.format(error.filename or "a file"), hint)


def _fail(error: FaceswapError) -> NoReturn:
    _log.debug("Traceback:", exc_info=True)
    _print(f"Error: {error.message}")
    if error.hint:
        _print(error.hint)
    raise SystemExit(error.exit_code)


def _print(text: str) -> None:
    prefix = f"[rank {rank()}] " if rank() else ""
    typer.echo(printable(f"{prefix}{text}"), err=True)
