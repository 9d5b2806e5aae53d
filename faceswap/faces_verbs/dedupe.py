"""``faceswap faces dedupe``: keeps one of the faces that look the same."""

from typing import Annotated

import numpy as np
import typer

from faceswap.core.console import TextTable, note, show_table
from faceswap.curation.likeness import picture_vectors
from faceswap.curation.near_duplicates import near_duplicates
from faceswap.curation.removal import remove_crops
from faceswap.faces_verbs.arguments import DryRun, Facesets
from faceswap.faces_verbs.reading_bar import reading_bar
from faceswap.facesets.found import open_facesets


def dedupe(
    facesets: Facesets,
    threshold: Annotated[
        float,
        typer.Option(min=0, help="Difference up to which faces are the same; 1 is hardly visible."),
    ] = 1.0,
    across: Annotated[
        bool, typer.Option("--across", help="Also compare faces of different facesets.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Keep the sharpest of faces that look the same; the crops of the others go to removed/.

    Compared are picture, landmarks and the openings of mouth and eyes, so that a blink is no
    duplicate. `faceswap faces restore` brings the others back.
    """
    opened = open_facesets(facesets)
    table = TextTable("faceset", "kept", "removed")
    for some in [opened] if across else [[faceset] for faceset in opened]:
        pairs = [(faceset, face) for faceset in some for face in faceset.trainable()]
        vectors = []
        for faceset in some:
            faces = faceset.trainable()
            with reading_bar(f"read {faceset.name}", len(faces), shown=True) as advance:
                vectors.append(picture_vectors(faceset, faces, advance))
        sharpness = np.array([face.sharpness for _, face in pairs])
        same_as = near_duplicates(np.concatenate(vectors), sharpness, threshold)
        kept = same_as == np.arange(len(pairs))
        for faceset in some:
            mine = [place for place, (owner, _) in enumerate(pairs) if owner is faceset]
            others = [pairs[place][1].image for place in mine if not kept[place]]
            if not dry_run:
                remove_crops(faceset.path, others)
            counts = (len(mine) - len(others), len(others))
            table.add_row(str(faceset.path), *(f"{count:,}" for count in counts))
    show_table(table)
    if dry_run:
        note("Nothing was changed (--dry-run).")
