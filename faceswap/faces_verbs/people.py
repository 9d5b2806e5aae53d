"""``faceswap faces people``: finds out who is who, and gives people names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.errors import IdentityError, MediaError, OutputExistsError
from faceswap.core.files import atomic_directory
from faceswap.core.names import plain_names
from faceswap.core.text import counted
from faceswap.engine_options import LOCAL, Address, Engine, Tries, ray_engine, run_with_progress
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import find_facesets
from faceswap.facesets.subjects import is_faceset
from faceswap.people.clustering import People, cluster
from faceswap.people.contact_sheet import MOST_CROPS, contact_sheet, is_sheet, write_sheet
from faceswap.people.embeddings import SAME_PERSON
from faceswap.people.grouping import EXACT_GROUPS
from faceswap.people.recognition import has_embeddings, recognise
from faceswap.people.recognition_work import FacesetItem, RecogniseWork
from faceswap.people.sheet_faces import SheetFaces
from faceswap.people.sketch import TrackSketch
from faceswap.people.stored_tracks import StoredTracks
from faceswap.recognizers import build_recognizer

_MOST_ROWS = 1000  # of the table

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
    engine: Engine = LOCAL,
    address: Address = "",
    tries: Tries = 3,
) -> None:
    """Recognise the people in facesets, number them, and write a contact sheet of each.

    The column `person` of all facesets gets the number or name. Names are kept in later runs;
    people given the same name become one.
    """
    names = dict(_parse(text) for text in name or [])
    folder = output or _default_output(facesets)
    _check_replaceable(folder)
    paths = find_facesets(facesets)
    for path in paths:  # all are checked before any is changed
        StoredTracks.open(path)
    missing = [path for path in paths if not has_embeddings(path)]
    if missing and engine == LOCAL:
        _recognise(missing)
    elif missing:
        _recognise_on_ray(missing, address, tries)
    tracks = [StoredTracks.open(path) for path in paths]
    found = cluster(TrackSketch.of(tracks), names, threshold, EXACT_GROUPS)
    shown = SheetFaces.choose(tracks, found, MOST_CROPS)  # before the tracks have new people
    for number, faceset in enumerate(tracks):
        faceset.write_people(found.names_in(number))
    sheets = _write_sheets(folder, found, shown)
    _show(found)
    note(f"{counted(sheets, 'contact sheet')} -> {folder}")
    if sheets < len(found.names):
        left = len(found.names) - sheets
        note(f"No crops are left of {left:,} of the people, who have no sheet.")
    if found.approximate:
        note(
            f"There are more than {EXACT_GROUPS:,} groups of tracks that look the same: each was "
            "compared with its approximate neighbours, so a person may have two numbers."
        )


def _parse(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not equals or not old.strip() or not new.strip():
        raise IdentityError(
            f"Expected --name PERSON=NAME, found {text!r}.", "For example --name 2=alice."
        )
    return old.strip(), new.strip()


def _recognise(facesets: Sequence[Path]) -> None:
    """Recognises the people in facesets without embeddings."""
    recognizer = build_recognizer()
    faces = sum(len(Faceset.open(path).trainable()) for path in facesets)
    with progress_bar("recognise people", faces, unit="faces") as advance:
        for path in facesets:
            faceset = Faceset.open(path)
            recognise(faceset, recognizer)
            advance(len(faceset.trainable()))


def _recognise_on_ray(facesets: Sequence[Path], address: str, tries: int) -> None:
    """Recognises them on a cluster.

    Raises:
        MediaError: A faceset failed.
    """
    items, nouns = [FacesetItem(path) for path in facesets], ("facesets", "faces")
    with ray_engine(address, tries, "cpu") as ray:
        outcomes = run_with_progress(ray, RecogniseWork(), items, "recognise people", nouns=nouns)
    failures = sum(outcome.report is None for outcome in outcomes)
    if failures:
        raise MediaError(
            f"{failures} of {len(items)} facesets could not be recognised (see above).",
            "The others have embeddings, and are kept when the same command is run again.",
        )


def _default_output(facesets: Sequence[Path]) -> Path:
    first = facesets[0]
    return (first.absolute().parent if is_faceset(first) else first) / "people"


def _check_replaceable(folder: Path) -> None:
    """Checks that a folder is absent, or holds nothing but contact sheets."""
    if folder.exists() and (not folder.is_dir() or not all(map(is_sheet, folder.iterdir()))):
        raise OutputExistsError(
            f"Expected a folder of contact sheets, found other files in {folder}.",
            "Choose another folder with -o.",
        )


def _ranked(people: People) -> list[int]:
    """Indices of the people, those with most faces first."""
    return np.argsort(-people.faces(), kind="stable").tolist()


def _write_sheets(folder: Path, people: People, shown: SheetFaces) -> int:
    """Replaces the contact sheets in a folder that holds nothing else; returns their number."""
    _check_replaceable(folder)  # again: recognition may have taken long
    ranked = _ranked(people)
    names = plain_names([people.names[person] for person in ranked])
    faces, tracks = people.faces().tolist(), [len(each) for each in people.tracks()]
    written = 0
    with (
        atomic_directory(folder) as temporary,
        progress_bar("contact sheets", len(ranked), unit="people") as advance,
    ):
        for person in ranked:
            name = people.names[person]
            of = f"{counted(faces[person], 'face')} in {counted(tracks[person], 'track')}"
            sheet = contact_sheet(f"{name}: {of}", shown.of(person))
            if sheet is not None:
                write_sheet(temporary / f"{names[name]}.jpg", sheet)
                written += 1
            advance(1)
    return written


def _show(people: People) -> None:
    table = TextTable("person", "faces", "tracks", "facesets", "similarity")
    faces, tracks, ranked = people.faces(), people.tracks(), _ranked(people)
    for person in ranked[:_MOST_ROWS]:
        some = tracks[person]
        facesets = np.unique(people.sketch.faceset_of(some))
        table.add_row(
            people.names[person],
            f"{faces[person]:,}",
            f"{len(some):,}",
            f"{len(facesets):,}",
            f"{people.similarity(some):.2f}" if len(some) > 1 else "-",
        )
    show_table(table)
    if len(ranked) > _MOST_ROWS:
        note(f"The table shows the {_MOST_ROWS:,} people with most faces, of {len(ranked):,}.")
