"""Copies of facesets at URLs that another machine takes over while they are made."""

from pathlib import Path

import pytest

from faceswap.core.errors import OutputBusyError
from faceswap.core.remote import RemoteFolder
from faceswap.core.remote_claim import ClaimTiming
from faceswap.extraction.output_folder import OutputFolder
from faceswap.facesets.files import RECORD, ROWS


def write_faceset(folder: Path, author: str, crops: int) -> dict[str, bytes]:
    """Writes the files of a faceset; returns their content by name."""
    images = [f"images/{author}{i}.jpg" for i in range(crops)] + ["images/both.jpg"]
    content = {name: f"{name} of {author}".encode() for name in (*images, ROWS, RECORD)}
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return content


# The changes: record deleted; rows and 3 crops uploaded; 2 old crops deleted; record uploaded.
@pytest.mark.parametrize("changes", range(1, 9))
@pytest.mark.parametrize("under_way", [False, True])
def test_a_takeover_during_the_copy_leaves_the_other_faceset_alone(
    memory, tmp_path, monkeypatch, changes, under_way
):
    now, made, theirs = [0.0], [], {}

    def wait(seconds: float) -> None:
        now[0] += seconds

    timing = ClaimTiming(clock=lambda: now[0], wait=wait)
    asleep, other = (OutputFolder("memory://out", timing) for _ in range(2))
    asleep.path, other.path = tmp_path / "a", tmp_path / "b"
    for name in ("images/old0.jpg", "images/old1.jpg", ROWS, RECORD):
        memory.pipe(f"/out/clip/{name}", b"old")

    def take_over() -> None:
        with other.faceset("clip") as folder:
            theirs.update(write_faceset(folder, "b", 4))

    def with_sleep(change):
        def changing(self, *names):
            mine = names[-1].startswith("clip/") and len(made) < changes
            made.extend(names[-1:] if mine else [])
            sleeps = mine and len(made) == changes
            if sleeps and under_way:
                take_over()
            change(self, *names)
            if sleeps and not under_way:
                take_over()

        return changing

    for change in (RemoteFolder.upload, RemoteFolder.delete):
        monkeypatch.setattr(RemoteFolder, change.__name__, with_sleep(change))
    with (
        pytest.raises(OutputBusyError, match="taken over memory://out/clip"),
        asleep.faceset("clip") as mine,
    ):
        write_faceset(mine, "a", 2)
    found = {path.removeprefix("/out/clip/"): memory.cat(path) for path in memory.find("/out/clip")}
    differing = {f"clip/{name}" for name, _ in found.items() ^ theirs.items()}
    assert differing <= ({made[-1]} if under_way else set())
    assert len(made) == changes
    assert memory.find("/out/.claims") == []
    assert len(list((mine / "images").iterdir())) == 3  # the same command can copy them again
