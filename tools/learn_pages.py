"""Runs lessons and puts what they print and draw into their pages in ``docs/learn``.

A page ``TOPIC.md`` has a block of code without a language for what the lesson prints; the figures
are ``figures/TOPIC.png`` and, in French, ``figures/fr/TOPIC.png``. The last line of a page leads to
its neighbours, and the table of ``README.md`` states the seconds that each lesson took.
"""

import argparse
import re
import time
from pathlib import Path

from classifier.lessons import TOPICS, find_topic
from classifier.lessons.language import Language
from classifier.lessons.lesson import no_progress

PAGES = Path(__file__).resolve().parents[1] / "docs" / "learn"
_FIGURES: dict[Language, str] = {"en": "figures", "fr": "figures/fr"}
_PRINTED = re.compile(r"^```\n.*?^```\n", re.MULTILINE | re.DOTALL)
_LINKS = re.compile(r"\n*^(?:previous: .*|\[all topics\]\(README\.md\).*)\n*\Z", re.MULTILINE)


def refresh(name: str) -> None:
    """Runs a lesson as ``classifier learn`` does, and renews its page and figures."""
    lesson = find_topic(name).lesson()
    begun = time.perf_counter()
    result = lesson.run(0, None, no_progress)
    seconds = time.perf_counter() - begun
    for language, folder in _FIGURES.items():
        target = PAGES / folder / f"{name}.png"
        target.parent.mkdir(exist_ok=True)
        lesson.save(result, target, language)
    page = PAGES / f"{name}.md"
    printed = "\n".join(["```", *lesson.describe(result), "```", ""])
    text, count = _PRINTED.subn(lambda _: printed, page.read_text("utf-8"), count=1)
    if not count:
        raise SystemExit(f"{page} has no block for what the lesson prints.")
    page.write_text(text, "utf-8", newline="\n")
    contents = PAGES / "README.md"
    row = re.compile(rf"^(\|.*\({name}\.md\).*\|) [^|]* \|$", re.MULTILINE)
    text, count = row.subn(rf"\1 {max(1, round(seconds))} s |", contents.read_text("utf-8"))
    if not count:
        raise SystemExit(f"{contents} has no row for {page.name}.")
    contents.write_text(text, "utf-8", newline="\n")
    print(f"{name}: {seconds:.0f} s")


def link_pages() -> None:
    """Renews the last line of every page: the pages before and after it."""
    titles = {}
    for name in TOPICS:
        titles[name] = (PAGES / f"{name}.md").read_text("utf-8").splitlines()[0].removeprefix("# ")
    names = list(TOPICS)
    for number, name in enumerate(names):
        links = ["[all topics](README.md)"]
        if number:
            before = names[number - 1]
            links.insert(0, f"previous: [{titles[before]}]({before}.md)")
        if number + 1 < len(names):
            after = names[number + 1]
            links.append(f"next: [{titles[after]}]({after}.md)")
        page = PAGES / f"{name}.md"
        text = _LINKS.sub("", page.read_text("utf-8")).rstrip("\n")
        page.write_text(f"{text}\n\n{' · '.join(links)}\n", "utf-8", newline="\n")


def main() -> None:
    """Renews the pages of the topics that the command line names, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*", help="Topics; all of them if none is named.")
    for name in parser.parse_args().topics or TOPICS:
        refresh(name)
    link_pages()


if __name__ == "__main__":
    main()
