"""The report on faces as an HTML page that opens offline."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.documents import DocumentModel, read_json
from faceswap.core.errors import DocumentError
from faceswap.core.files import regular_file
from faceswap.core.page import Page
from faceswap.core.text import counted
from faceswap.curation.analysis import Analysis
from faceswap.curation.findings import findings
from faceswap.curation.report_charts import histogram, pose_chart, track_chart
from faceswap.curation.report_gaps import add_comparison
from faceswap.curation.report_measures import DISTRIBUTIONS, Distribution
from faceswap.curation.report_pictures import pose_map, strip
from faceswap.people.embeddings import evenly_spaced

GENERATOR = "faceswap faces report"
"""Metadata by which a page is recognised."""

_HEAD = 4096  # bytes that hold the metadata of a page
_IN_STRIP = 9
_EXTREME = 0.02  # of the faces
_GROUPS, _OUTLIERS, _SHORT = 6, 27, 10
_ROWS = 40  # of a table
_WHOLE = 100  # from which numbers have no decimals


class _Numbers(DocumentModel):
    """What tells the numbers of a report from other JSON."""

    facesets: list[str]
    percentiles_5_50_95: dict[str, Any]
    near_duplicates: int


def is_report(path: Path) -> bool:
    """Whether a file is a page or the numbers of an earlier report, which a new one replaces."""
    try:
        with regular_file(path).open("rb") as file:
            if f'content="{GENERATOR}"'.encode() in file.read(_HEAD):
                return True
        read_json(path, _Numbers)
    except (OSError, DocumentError):
        return False
    return True


def write_report(analysis: Analysis, path: Path) -> None:
    """Writes the page.

    Args:
        analysis: Findings.
        path: HTML file.

    Raises:
        MediaError: A crop is missing or damaged.
        StorageFullError: The disk is full.
    """
    faces = analysis.faces
    against = f" against {analysis.comparison.other.label}" if analysis.comparison else ""
    page = Page(f"Faces of {faces.label}{against}", metadata={"generator": GENERATOR})
    number_of = f"{counted(len(faces), 'face')} of {counted(len(faces.facesets), 'faceset')}"
    for number, left_out in ((faces.removed, "removed"), (faces.filled, "filled")):
        number_of += f"; {number:,} {left_out}, which are not counted" if number else ""
    page.section("", f"{number_of}.", *findings(analysis))
    if analysis.comparison:
        add_comparison(page, faces, analysis.comparison)
    _add_poses(page, analysis)
    for distribution in DISTRIBUTIONS:
        _add_distribution(page, analysis, distribution)
    _add_people(page, analysis)
    _add_tracks(page, analysis)
    _add_duplicates(page, analysis)
    _add_outliers(page, analysis)
    page.write(path)


def _add_poses(page: Page, analysis: Analysis) -> None:
    faces = analysis.faces
    section = page.section(
        "Poses",
        "Yaw is the turn of the head towards image left or right, pitch its turn down or up. Left "
        "and right are those of the picture everywhere on this page. A profile is measured as "
        "50 to 60°, since half of its landmarks are guessed.",
        "A model shows well only what it has seen: good is a filled field as wide as the poses of "
        "the video it will convert. What to do: film the person turning the head slowly to both "
        "sides, looking up and down.",
    )
    if analysis.comparison is None:
        section.add_plot(pose_chart([faces]), "Number of faces of each pose, in cells of 5°.")
    picture, cell = pose_map(faces.pairs, faces.poses)
    section.add_picture(
        picture,
        f"The sharpest face of each pose, in cells of {cell}° with their number of faces. The "
        "framed cell looks into the camera.",
    )


def _add_distribution(page: Page, analysis: Analysis, distribution: Distribution) -> None:
    faces, name = analysis.faces, distribution.name
    values = faces.values[name]
    low, middle, high = np.percentile(values, (5, 50, 95))
    section = page.section(
        distribution.heading,
        distribution.meaning,
        f"{faces.label}: median {_number(middle)}, nine tenths of the faces between {_number(low)} "
        f"and {_number(high)}.",
        distribution.advice.format(low=_number(low)),
    )
    other = analysis.comparison.other if analysis.comparison else None
    sides = [faces] if other is None else [faces, other]
    section.add_plot(histogram(sides, name, distribution.axis))
    order = np.argsort(values, kind="stable")
    count = max(_IN_STRIP, round(_EXTREME * len(order)))
    for chosen, caption in (
        (order[:count], distribution.least),
        (order[::-1][:count], distribution.most),
    ):
        section.add_picture(_strip(analysis, np.sort(chosen)), caption)


def _number(value: float) -> str:
    """A number with three digits, or all of those before the point."""
    return f"{value:.0f}" if abs(value) >= _WHOLE else f"{value:.2g}"


def _strip(analysis: Analysis, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Some of the chosen faces, evenly spread over their order."""
    shown = evenly_spaced(chosen.tolist(), _IN_STRIP)
    return strip([analysis.faces.pairs[place] for place in shown])


def _add_people(page: Page, analysis: Analysis) -> None:
    if not analysis.people:
        page.section(
            "People",
            "It is not known who these faces are: `faceswap faces people` groups them by person.",
        )
        return
    known = sum(map(len, analysis.people.values()))
    unknown = len(analysis.faces) - known
    section = page.section(
        "People",
        f"{len(analysis.people):,} found." + _advice([*analysis.people]),
        *([f"Belonging to nobody in particular: {counted(unknown, 'face')}."] if unknown else []),
    )
    for person, own in list(analysis.people.items())[:_ROWS]:
        section.add_picture(_strip(analysis, own), f"person {person}: {counted(len(own), 'face')}")


def _advice(people: Sequence[str]) -> str:
    """What to do about several people, with the first of them as the example."""
    if len(people) < 2:
        return ""
    condition = f"person == {people[0]!r}"
    quoted = shlex.quote(condition) if set(condition) & set('"$`\\!') else f'"{condition}"'
    return (
        " Train an identity on faces of one person only: `faceswap faces filter "
        f"{quoted} FACESET` keeps one."
    )


def _add_tracks(page: Page, analysis: Analysis) -> None:
    section = page.section(
        "Facesets and tracks",
        "A track is one face followed from frame to frame. Short tracks are often no faces, or "
        "people in the background: look at their pictures.",
    )
    section.columns = ("faceset", "kind", "faces", "tracks", f"of fewer than {_SHORT} faces")
    counts = np.bincount(analysis.faces.sources, minlength=len(analysis.faces.facesets))
    for faceset, count in zip(analysis.faces.facesets[:_ROWS], counts.tolist(), strict=False):
        own = [track for track in analysis.tracks if track.faceset is faceset]
        short = sum(len(track.faces) < _SHORT for track in own)
        kind = "video" if faceset.is_video else "photos"
        cells = (f"{len(own):,}", f"{short:,}") if faceset.is_video else ("-", "-")
        section.rows = [*section.rows, (faceset.path.name, kind, f"{count:,}", *cells)]
    if analysis.tracks:
        section.add_plot(track_chart(_spans(analysis)), "The longest tracks: when they are seen.")
    short = [track for track in analysis.tracks if len(track.faces) < _SHORT]
    for tracks, caption in (
        (analysis.tracks[:_IN_STRIP], "Faces of the longest tracks, in their order."),
        (short, "Faces of short tracks."),
    ):
        if tracks:
            middles = np.array([track.faces[len(track.faces) // 2] for track in tracks])
            section.add_picture(_strip(analysis, middles), caption)


def _spans(analysis: Analysis) -> list[tuple[str, float, float]]:
    several = len(analysis.faces.facesets) > 1
    spans = []
    for track in analysis.tracks:
        times = [analysis.faces.faces[place].time for place in track.faces[[0, -1]]]
        name = f"{track.faceset.path.name}: {track.number}" if several else f"track {track.number}"
        spans.append((name, min(times), max(times)))
    return spans


def _add_duplicates(page: Page, analysis: Analysis) -> None:
    count, total = analysis.duplicates, len(analysis.faces)
    section = page.section(
        "Near-duplicates",
        f"{count:,} of {total:,} faces ({count / total:.0%}) hardly differ from a sharper one in "
        "picture, pose and expression. They do no harm in a video, but they slow down looking "
        "through faces and outweigh rare poses. What to do: `faceswap faces dedupe` removes them.",
    )
    sizes = np.bincount(analysis.representatives, minlength=total)
    for kept in np.argsort(-sizes, kind="stable")[:_GROUPS]:
        if sizes[kept] > 1:
            others = np.flatnonzero(analysis.representatives == kept)
            shown = np.r_[kept, others[others != kept]]
            section.add_picture(
                _strip(analysis, shown), f"{sizes[kept]:,} faces; the sharpest one, then others."
            )


def _add_outliers(page: Page, analysis: Analysis) -> None:
    outliers = analysis.outliers
    section = page.section(
        "Outliers",
        f"{counted(len(outliers), 'face')} with unusual values. What to do: delete the image of a "
        "face that is wrong or useless; keep what is only rare."
        if outliers
        else "None were found.",
    )
    for outlier in outliers[:_OUTLIERS]:
        faceset, face = analysis.faces.pairs[outlier.face]
        section.add_picture(
            strip([(faceset, face)]),
            f"{', '.join(outlier.reasons)}: {faceset.path.name}/images/{face.image}",
        )
