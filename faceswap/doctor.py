"""The verb ``faceswap doctor``: whether this machine is fit, on one screen."""

import typer
from rich.table import Table
from rich.text import Text

from faceswap.core.console import show_table
from faceswap.environment.checks import Finding, judge
from faceswap.environment.facts import gather_facts

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor() -> None:
    """Say whether this machine is fit for the toolkit, and what to mend.

    Exit code 0: it is fit (warnings may remain); 1: something needed does not work.
    """
    findings = judge(gather_facts())
    show_table(report(findings))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def report(findings: list[Finding]) -> Table:
    """The findings as a table."""
    unfit = sum(finding.level == "fail" for finding in findings)
    caption = f"{unfit} thing(s) to mend before work" if unfit else "This machine is fit."
    table = Table(title="faceswap doctor", caption=caption, title_justify="left")
    table.add_column("")
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold", ratio=1)
    table.add_column("what to do", overflow="fold", ratio=1)
    for finding in findings:
        level = Text(finding.level, _STYLES[finding.level])
        # Text, since brackets in messages and paths are not markup.
        table.add_row(level, finding.subject, Text(finding.found), Text(finding.remedy))
    return table
