"""``faceswap faces people``: finds out who is who, and gives people names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.errors import IdentityError, OutputExistsError
from faceswap.core.files import atomic_directory
from faceswap.core.names import plain_names
from faceswap.core.text import counted
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import open_facesets
from faceswap.facesets.subjects import is_faceset
from faceswap.people.clustering import (
    PersonTrack,
    cluster,
    has_embeddings,
    recognise,
    stored_tracks,
    write_people,
)
from faceswap.people.contact_sheet import contact_sheet, is_sheet, write_sheet
from faceswap.people.embeddings import SAME_PERSON, mean_embedding
from faceswap.recognizers import build_recognizer

_Name = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="PERSON=NAME", help="Name a person: 2=alice; repeatable."),
]
_Threshold = Annotated[
    float,
    typer.Option(min=-1, max=1, help="Similarity from which tracks are one person."),
]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder of the contact sheets (default: people/)."),
]


def people(
    facesets: Facesets,
    name: _Name = None,
    threshold: _Threshold = SAME_PERSON,
    output: _Output = None,
) -> None:
    """Recognise the people in facesets, number them, and write a contact sheet of each.

    The column `person` of all facesets gets the number or name. Names are kept in later runs;
    people given the same name become one.
    """
    names = dict(_parse(text) for text in name or [])
    folder = output or _default_output(facesets)
    _check_replaceable(folder)
    opened = _recognised(open_facesets(facesets))
    tracks = [t for number, each in enumerate(opened) for t in stored_tracks(number, each)]
    tracks = cluster(tracks, names, threshold)
    for number, faceset in enumerate(opened):
        write_people(faceset, [track for track in tracks if track.faceset == number])
    by_person: dict[str, list[PersonTrack]] = {}
    for track in tracks:
        by_person.setdefault(str(track.person), []).append(track)
    ranked = sorted(by_person.items(), key=lambda item: -_faces(item[1]))
    sheets = _write_sheets(folder, ranked, opened)
    _show(ranked)
    note(f"{counted(sheets, 'contact sheet')} -> {folder}")
    if sheets < len(ranked):
        note(f"No crops are left of {len(ranked) - sheets:,} of the people, who have no sheet.")


def _parse(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not equals or not old.strip() or not new.strip():
        raise IdentityError(
            f"Expected --name PERSON=NAME, found {text!r}.", "For example --name 2=alice."
        )
    return old.strip(), new.strip()


def _recognised(facesets: Sequence[Faceset]) -> list[Faceset]:
    """The facesets, with embeddings; those that have none get them."""
    missing = [faceset for faceset in facesets if not has_embeddings(faceset)]
    if not missing:
        return list(facesets)
    recognizer = build_recognizer()
    faces = sum(len(faceset.trainable()) for faceset in missing)
    with progress_bar("recognise people", faces, unit="faces") as advance:
        for faceset in missing:
            recognise(faceset, recognizer)
            advance(len(faceset.trainable()))
    done = {faceset.path for faceset in missing}
    return [Faceset.open(each.path) if each.path in done else each for each in facesets]


def _default_output(facesets: Sequence[Path]) -> Path:
    first = facesets[0]
    return (first.absolute().parent if is_faceset(first) else first) / "people"


def _faces(tracks: Sequence[PersonTrack]) -> int:
    return sum(len(track.images) for track in tracks)


def _check_replaceable(folder: Path) -> None:
    """Checks that a folder is absent, or holds nothing but contact sheets."""
    if folder.exists() and (not folder.is_dir() or not all(map(is_sheet, folder.iterdir()))):
        raise OutputExistsError(
            f"Expected a folder of contact sheets, found other files in {folder}.",
            "Choose another folder with -o.",
        )


def _write_sheets(
    folder: Path, people: Sequence[tuple[str, list[PersonTrack]]], facesets: Sequence[Faceset]
) -> int:
    """Replaces the contact sheets in a folder that holds nothing else; returns their number."""
    _check_replaceable(folder)  # again: recognition may have taken long
    names = plain_names([person for person, _ in people])
    written = 0
    with (
        atomic_directory(folder) as temporary,
        progress_bar("contact sheets", len(people), unit="people") as advance,
    ):
        for person, tracks in people:
            title = (
                f"{person}: {counted(_faces(tracks), 'face')} in {counted(len(tracks), 'track')}"
            )
            sheet = contact_sheet(title, facesets, tracks)
            if sheet is not None:
                write_sheet(temporary / f"{names[person]}.jpg", sheet)
                written += 1
            advance(1)
    return written


def _show(people: Sequence[tuple[str, list[PersonTrack]]]) -> None:
    table = TextTable("person", "faces", "tracks", "facesets", "similarity")
    for person, tracks in people:
        embeddings = np.stack([track.embedding for track in tracks])
        weights = [len(track.images) for track in tracks]
        similarity = float(np.average(embeddings @ mean_embedding(embeddings), weights=weights))
        table.add_row(
            person,
            f"{_faces(tracks):,}",
            f"{len(tracks):,}",
            f"{len({track.faceset for track in tracks}):,}",
            f"{similarity:.2f}" if len(tracks) > 1 else "-",
        )
    show_table(table)
