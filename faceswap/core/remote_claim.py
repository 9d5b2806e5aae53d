"""One writer per output at a URL, where there are no locks: whoever writes it has a claim there.

A claim is a small file that its holder rewrites every few seconds. Others who find one watch it: if
it changes, the holder is alive and they leave; if it stays the same, the holder is dead and they
take it over. Only the watcher's own clock counts, so clocks of machines need not agree.

Where the file system cannot create a file exclusively, a claim is read back after a moment: of two
who write one at once, the last has it. A holder whose claim was taken over, such as on a machine
that was asleep, must not change the output any more: it changes it through its claim, which reads
itself before each change. Only a change that was under way during the takeover may still arrive.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from faceswap.core.errors import OutputBusyError, OutputError, RemoteError
from faceswap.core.locks import describe_holder, holder_record
from faceswap.core.remote import RemoteFolder


@dataclass(frozen=True)
class ClaimTiming:
    """Times of claims in seconds, the same for all who write an output.

    Attributes:
        beat: Time between two changes of a claim by its holder.
        expiry: Time without a change after which a holder is dead; many times as long.
        settle: Time after which a claim that could not be created exclusively is read back; longer
            than it takes to read and write one.
        clock: Time that never goes back.
        wait: Function that waits.
    """

    beat: float = 10.0
    expiry: float = 60.0
    settle: float = 1.0
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


class RemoteClaim:
    """A claim to an output at a URL, through which its holder changes that output.

    Args:
        remote: Folder in which the claim and the output are.
        name: Path of the claim in it.
        output: Path or URL of the output, for messages.
        purpose: Work of this process in a noun phrase ("the extraction"), shown to others.
        timing: Times.
    """

    def __init__(
        self, remote: RemoteFolder, name: str, output: str, purpose: str, timing: ClaimTiming
    ) -> None:
        self._remote, self._name, self._output = remote, name, output
        self._timing = timing
        self._owner = uuid.uuid4().hex
        self._record = holder_record(purpose) | {"owner": self._owner}
        self._beats = 0
        self._turn = threading.Lock()

    def acquire(self) -> None:
        """Takes the claim, perhaps after waiting until its holder is known to be dead.

        Raises:
            OutputBusyError: Another process has it.
            RemoteError: It cannot be read.
            OutputError: It cannot be written.
        """
        while True:
            found = self._remote.read(self._name)
            if found is None:
                taken = self._remote.create(self._name, self._next())
            elif self._watch(found):
                self._remote.write(self._name, self._next())
                taken = True
            else:
                continue  # it was released
            if taken and not (found is None and self._remote.creates_exclusively):
                self._timing.wait(self._timing.settle)
                taken = self._is_mine(self._remote.read(self._name))
            if taken:
                return

    def check(self) -> None:
        """Changes the claim, by which others see that its holder is alive.

        Raises:
            OutputBusyError: Another process has taken it over.
            RemoteError: It cannot be read.
            OutputError: It cannot be written.
        """
        with self._turn:
            self.require()
            self._remote.write(self._name, self._next())

    def require(self) -> None:
        """Checks that this process still has the claim, without changing it.

        Raises:
            OutputBusyError: Another process has taken it over.
            RemoteError: It cannot be read.
        """
        found = self._remote.read(self._name)
        if not self._is_mine(found):
            taken = f"has taken over {self._output}"
            raise OutputBusyError(
                f"Another process {taken}: {describe_holder(found or b'')}. This one did not show "
                f"for {self._timing.expiry:.0f} seconds that it was alive.",
                "Run the same command again when the other one has finished.",
            )

    def upload(self, source: Path, name: str) -> None:
        """Copies a file of the output to the folder, if this process still has the claim.

        Args:
            source: Local file.
            name: Path relative to the folder.

        Raises:
            OutputBusyError: Another process has taken it over.
            RemoteError: The claim cannot be read.
            OutputError: The file cannot be written.
        """
        self.require()
        self._remote.upload(source, name)

    def delete(self, name: str) -> None:
        """Deletes a file of the output, if this process still has the claim.

        Args:
            name: Path relative to the folder.

        Raises:
            OutputBusyError: Another process has taken it over.
            RemoteError: The claim cannot be read.
            OutputError: The file cannot be deleted.
        """
        self.require()
        self._remote.delete(name)

    def release(self) -> None:
        """Deletes the claim, if this process still has it."""
        with suppress(OutputBusyError, OutputError, RemoteError), self._turn:
            self.require()
            self._remote.delete(self._name)

    def _next(self) -> bytes:
        self._beats += 1
        return json.dumps(self._record | {"beats": self._beats}).encode()

    def _is_mine(self, found: bytes | None) -> bool:
        # Not compared with what was written last: that may not have arrived.
        return found is not None and self._owner.encode() in found

    def _watch(self, found: bytes) -> bool:
        """Whether the holder of a claim is dead; False if it was released.

        Raises:
            OutputBusyError: The holder is alive.
        """
        end = self._timing.clock() + self._timing.expiry
        while self._timing.clock() < end:
            self._timing.wait(self._timing.beat / 2)
            now = self._remote.read(self._name)
            if now is None:
                return False
            if now != found:
                raise OutputBusyError(
                    f"Another process writes {self._output}: {describe_holder(now)}.",
                    "Wait for it to finish, stop it, or choose another --output.",
                )
        return True


@contextmanager
def hold_remote(
    remote: RemoteFolder, name: str, output: str, purpose: str, timing: ClaimTiming
) -> Iterator[RemoteClaim]:
    """Holds a claim, which is kept alive in the background; see ``RemoteClaim``.

    Yields:
        The claim; the output is changed through it.

    Raises:
        OutputBusyError: Another process has it.
        RemoteError: It cannot be read.
        OutputError: It cannot be written.
    """
    claim = RemoteClaim(remote, name, output, purpose, timing)
    claim.acquire()
    done = threading.Event()

    def keep_alive() -> None:
        while not done.wait(timing.beat):
            # A connection may be lost for a moment; whether the claim was, each change tells.
            with suppress(OutputBusyError, OutputError, RemoteError):
                claim.check()

    beating = threading.Thread(target=keep_alive, name="claim", daemon=True)
    beating.start()
    try:
        yield claim
    finally:
        done.set()
        beating.join()
        claim.release()
