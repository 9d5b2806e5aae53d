"""Work that is quick and goes wrong on purpose, for the engines to do."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceswap.core.errors import MediaError, StorageFullError
from faceswap.engines.work import Part, PartResult, Plan


@dataclass(frozen=True)
class Sum:
    """A sum of some numbers.

    Attributes:
        name: Name of the sum; its first word says what goes wrong, and a second one where.
        numbers: Numbers.
    """

    name: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Addition:
    """Adds squares, a number a part, which it writes into a file each.

    Attributes:
        folder: Folder of the files.
        ordered: Whether sums are finished in their order.
    """

    folder: Path
    ordered: bool = True

    def places(self, _item: Sum) -> Sequence[Path]:
        """The folder of the files."""
        return [self.folder]

    def plan(self, item: Sum) -> Plan:
        """A part for each number whose file is not there."""
        self._go_wrong(item, "plan")
        missing = [n for n in item.numbers if not self._file(item, n).exists()]
        return Plan([Part(1, number) for number in missing], f"plan of {item.name}")

    def run(self, item: Sum, part: Part) -> PartResult:
        """Writes a square, unless the number is the first one of a sum that goes wrong."""
        if part.content == item.numbers[0]:
            self._go_wrong(item, "run")
        log = self.folder / f"{item.name}-{part.content}.log"
        with log.open("a") as file:
            file.write(f"{os.getpid()} ")
        self._file(item, part.content).write_text(str(part.content**2))
        return PartResult(1, part.content)

    def _go_wrong(self, item: Sum, where: str) -> None:
        """Goes wrong as the first word of the name says, in the function that the second names."""
        kind, place = [*item.name.split("-")[0].split("_"), "run"][:2]
        if place != where:
            return
        tried = self.folder / f"{item.name}.tries"
        tried.write_text(tried.read_text() + "." if tried.exists() else ".")
        tries = len(tried.read_text())
        if kind == "deadly" or (kind == "killed" and tries == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "wrong":
            raise MediaError("It cannot be read.", "Copy it again.")
        if kind == "faulty" or (kind == "moody" and tries == 1):
            raise ZeroDivisionError("division by zero")
        if kind == "full":
            raise StorageFullError("The disk is full.")

    def finish(self, item: Sum, facts: object, results: Sequence[PartResult]) -> int:
        """The sum of all squares, noted in a file that shows the order of the sums."""
        assert facts == f"plan of {item.name}"
        self._go_wrong(item, "finish")
        with (self.folder / "order").open("a") as file:
            file.write(f"{item.name} ")
        return sum(int(self._file(item, number).read_text()) for number in item.numbers)

    def _file(self, item: Sum, number: int) -> Path:
        return self.folder / f"{item.name}-{number}"


def _fail() -> None:
    raise FileNotFoundError("The folder is not on this machine.")


class Elsewhere(Addition):
    """Work that the processes of a cluster cannot open."""

    def __reduce__(self) -> tuple[object, ...]:
        """What is left of it in another process: nothing."""
        return _fail, ()
