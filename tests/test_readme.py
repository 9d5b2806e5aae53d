"""The README and the pages under docs/ say what is true."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

import classifier.cli
import faceswap.cli
from faceswap.core.command_line import load_verb

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
VERBS = {"faceswap": faceswap.cli.VERBS, "classifier": classifier.cli.VERBS}


def commands(page: Path) -> list[str]:
    """The indented command lines of a page."""
    lines = re.findall(r"^    (\S.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    starts = ("faceswap ", "classifier ", "accelerate ", "pip ")
    return [line for line in lines if line.startswith(starts)]


def test_ci_runs_the_very_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (
        'pip install -e ".[dev]" && faceswap demo',
        'pip install -e ".[dev]" && pytest -n 2',
    ):
        assert f"    {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
        assert f"\n{command}\n" in script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page):
    for command in commands(page):
        words = shlex.split(command.split(" && ")[-1])
        if words[:2] == ["accelerate", "launch"]:
            script = next(word for word in words if word.endswith(".py"))
            words = [script.split("/")[0], Path(script).stem, *words[words.index(script) + 1 :]]
        if words[0] not in VERBS:
            continue
        verb = load_verb(VERBS[words[0]][words[1]])
        if isinstance(verb, Mapping):
            assert words[2] in verb, command
            verb, words = load_verb(verb[words[2]]), words[1:]
        group = isinstance(verb, typer.Typer)
        known = known_options(verb, words[2] if group and len(words) > 2 else None)
        for word in words[2:]:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, f"{command}: {word}"


def known_options(verb: Any, subcommand: str | None) -> set[str]:
    if not isinstance(verb, typer.Typer):
        app = typer.Typer()
        app.command()(verb)
        verb = app
    command: Any = typer.main.get_command(verb)
    if subcommand is not None:
        command = command.commands[subcommand]
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}
