"""Sections of a report on what faces of A have no counterpart among those of B."""

from faceswap.core.page import Page
from faceswap.curation.analysis import Comparison, DescribedGap
from faceswap.curation.coverage import KINDS
from faceswap.curation.measured_faces import MeasuredFaces
from faceswap.curation.report_charts import pose_chart
from faceswap.curation.report_pictures import strip
from faceswap.people.embeddings import evenly_spaced

_IN_STRIP = 5
_FILMED = 3  # gaps that the summary names


def add_comparison(page: Page, faces: MeasuredFaces, comparison: Comparison) -> None:
    """Adds what to film next, both maps of poses, and a section for each gap.

    Args:
        page: Page.
        faces: Faces of A.
        comparison: Comparison of A with B.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    other, coverage = comparison.other.label, comparison.coverage
    section = page.section(
        "What to film next",
        *film_next(faces, comparison),
        f"{coverage.covered.mean():.0%} of the faces of {faces.label} have a counterpart in "
        f"{other}: a face turned nearly the same way, one in that pose with nearly the same "
        "expression, and one with nearly the same light.",
        "Expressions are differences from the person's face at rest, in sides of the face; eyes of "
        "usual opening have 1. Light is in stops.",
    )
    section.columns = ("no counterpart in", "faces", "of all")
    section.rows = [
        (kind, f"{coverage.missing(kind).sum():,}", f"{coverage.missing(kind).mean():.1%}")
        for kind in KINDS
    ]
    missing = coverage.missing("pose")
    section.add_plot(
        pose_chart([faces, comparison.other], missing),
        f"Number of faces of each pose. Red: faces of {faces.label} that are turned as none of "
        f"{other} is."
        if missing.any()
        else f"Number of faces of each pose: {other} has all poses of {faces.label}.",
    )
    for side in (faces, comparison.other):
        people = len({face.person for face in side.faces if face.person is not None})
        if people > 1:
            section.paragraphs.append(
                f"The faces of {people:,} people of {side.label} are taken together: choose one "
                "with `faceswap faces filter` for a clearer picture."
            )
    if not comparison.meshes:
        section.paragraphs.append(
            "Expressions were measured on landmarks, as not all facesets have meshes: heads turned "
            "far away are less certain."
        )
    for number, each in enumerate(comparison.gaps, start=1):
        _add_gap(page, number, each, faces, comparison.other)


def film_next(faces: MeasuredFaces, comparison: Comparison) -> list[str]:
    """What to film next, in sentences.

    Args:
        faces: Faces of A.
        comparison: Comparison of A with B.
    """
    other = comparison.other.label
    if not comparison.gaps:
        return [f"Nothing: {other} shows whatever {faces.label} does."]
    total = len(faces)
    wanted = [
        f"{each.look} ({len(each.gap.faces) / total:.0%} of {faces.label})"
        for each in comparison.gaps[:_FILMED]
    ]
    return [f"Film {other} with: {'; then '.join(wanted)}."]


def _add_gap(
    page: Page, number: int, each: DescribedGap, faces: MeasuredFaces, other: MeasuredFaces
) -> None:
    gap = each.gap
    look = each.look[:1].upper() + each.look[1:]
    section = page.section(
        f"{number}. {look}",
        f"{len(gap.faces):,} of {len(faces):,} faces of {faces.label} have no counterpart in "
        f"{gap.kind}. {each.nearest}",
    )
    shown = evenly_spaced(range(len(gap.faces)), _IN_STRIP)
    section.add_picture(strip([faces.pairs[place] for place in gap.faces[shown]]), faces.label)
    section.add_picture(
        strip([other.pairs[place] for place in gap.nearest[shown]]),
        f"{other.label}: nearest to each",
    )
