"""The verb ``faceswap doctor``: environment checks on one screen."""

import typer
from rich.text import Text

from faceswap.core.console import TextTable, show_table
from faceswap.environment.checks import Finding, run_checks
from faceswap.environment.facts import gather_facts

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor() -> None:
    """Check this machine's environment and report what to fix.

    Exit code 0: all required checks passed (there may be warnings); 1: a required check failed.
    """
    findings = run_checks(gather_facts())
    show_table(report(findings))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def report(findings: list[Finding]) -> TextTable:
    """Format findings as a table."""
    failed = sum(finding.level == "fail" for finding in findings)
    caption = f"Failed checks: {failed}" if failed else "All required checks passed."
    table = TextTable(title="faceswap doctor", caption=caption)
    table.add_column("")
    table.add_column("check", no_wrap=True)
    table.add_column("found", overflow="fold", ratio=1)
    table.add_column("what to do", overflow="fold", ratio=1)
    for finding in findings:
        level = Text(finding.level, _STYLES[finding.level])
        table.add_row(level, finding.subject, finding.found, finding.remedy)
    return table
