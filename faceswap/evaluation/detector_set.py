"""Real and swapped faces as a set of images, on which a detector of swaps is trained and tested.

What would leak is kept apart. Whole people, with all their footage, go to one part. Within a part,
people are swapped with one another; only someone who is alone in the test is drawn as people of
others. Everyone in training is seen both really and as a swap: else a detector learns who is who
(measured with two people, trained on the one as the other: it took every real face of the test for
a swap, and every swap for real). Each frame gives one real and one swapped image, with the same
cut, the same size and the same compression, so the swap is all that differs.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

from faceswap.core.errors import ConfigError, FacesetError, IdentityError
from faceswap.core.files import atomic_directory, write_json
from faceswap.core.seeding import generator
from faceswap.evaluation.footage import find_footage, shots
from faceswap.evaluation.identity import evenly
from faceswap.evaluation.judge import Image, Shot
from faceswap.evaluation.methods import Model
from faceswap.evaluation.runs import Candidate, Faces
from faceswap.facesets.faceset import Face, Faceset
from faceswap.geometry.alignment import crop_matrix, warp
from faceswap.media.images import write_image
from faceswap.provenance.metadata import xmp_packet

PARTS = ("train", "val", "test")
REAL, SWAPPED, RECORD = "real", "swapped", "detector-set.json"
_SIDE, _COVERAGE = 256, 1.6
_QUALITIES = (75, 96)  # of the JPEG files, drawn anew for each pair
_VALIDATION, _GAP = 0.2, 25  # share of a clip, and frames left out before it


@dataclass(frozen=True)
class Division:
    """Who goes where.

    Attributes:
        people: Names by part.
        targets: For each person, as whom they are drawn, and by which run.
        notes: What the division cannot promise.
    """

    people: dict[str, tuple[str, ...]]
    targets: dict[str, tuple[tuple[int, str], ...]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DetectorSet:
    """What was written.

    Attributes:
        folder: The set.
        counts: Images of one class by part; there are as many of the other.
        division: Who is where.
    """

    folder: Path
    counts: dict[str, int]
    division: Division

    def describe(self) -> list[str]:
        """Lines for the user."""
        found = [
            f"{part}: {count} real and {count} swapped faces"
            f" ({', '.join(self.division.people[part]) or 'ends of the clips in train'})."
            for part, count in self.counts.items()
        ]
        return [*found, *self.division.notes, f"Written to {self.folder}."]


def divide(runs: Sequence[Sequence[str]], test: Sequence[str]) -> Division:
    """Gives every person a part.

    Without names for the test, the last of several runs that share nobody with others is the test
    (of three or more, the one before it the validation); of one run its last two people, when
    there are four or more, else its last one.

    Args:
        runs: The identities of each run.
        test: Who is kept for the test; empty to choose.

    Raises:
        IdentityError: A name is unknown, or no two people that a run swaps are left to train on.
    """
    people = list(dict.fromkeys(name for run in runs for name in run))
    for name in test:
        if name not in people:
            raise IdentityError(f"No run has an identity {name!r}.", f"Known: {', '.join(people)}.")
    kept = {"val": [], "test": list(test)} if test else _choose(runs, people)
    aside = {*kept["val"], *kept["test"]}
    training = [name for name in people if name not in aside]
    parts = {"train": tuple(training), "val": tuple(kept["val"]), "test": tuple(kept["test"])}
    targets = {
        name: _targets(name, members, runs) for members in parts.values() for name in members
    }
    lonely = [name for name in training if not {to for _, to in targets[name]} <= set(training)]
    if lonely or not training:
        raise IdentityError(
            f"To train on {', '.join(training) or 'nobody'} and test on {', '.join(aside)} would "
            "teach whose face it is, and not whether it was swapped: each face in training must "
            "be there really and as a swap.",
            "Name a run of three or more people, a second run of two others, or fewer with --test.",
        )
    return Division(parts, targets, _notes(parts, targets))


def _choose(runs: Sequence[Sequence[str]], people: Sequence[str]) -> dict[str, list[str]]:
    apart = len(people) == sum(len(run) for run in runs)
    if len(runs) > 1 and apart:
        return {"val": list(runs[-2]) if len(runs) > 2 else [], "test": list(runs[-1])}
    last = list(people)
    if len(people) >= 6:
        return {"val": last[-4:-2], "test": last[-2:]}
    return {"val": [], "test": last[-2:] if len(people) >= 4 else last[-1:]}


def _targets(
    name: str, part: Sequence[str], runs: Sequence[Sequence[str]]
) -> tuple[tuple[int, str], ...]:
    able = [
        (number, other)
        for number, run in enumerate(runs)
        if name in run
        for other in run
        if other != name
    ]
    within = [(number, other) for number, other in able if other in part]
    return tuple(within or able)


def _notes(
    parts: Mapping[str, Sequence[str]], targets: Mapping[str, Sequence[tuple[int, str]]]
) -> tuple[str, ...]:
    notes = []
    if not parts["val"]:
        notes.append(
            "val holds the ends of the clips that train holds: good for stopping, not for claims."
        )
    if any(to not in parts["test"] for name in parts["test"] for _, to in targets[name]):
        notes.append(
            "The faces drawn in test are of people whose footage is in another part; with four or "
            "more people they would not be."
        )
    return tuple(notes)


def make_detector_set(
    candidates: Sequence[Candidate],
    folder: Path,
    frames: int,
    test: Sequence[str] = (),
    seed: int = 0,
    on_faces: Callable[[int], None] = lambda _: None,
) -> DetectorSet:
    """Writes the set: ``train|val|test/real|swapped/*.jpg`` and a record.

    Args:
        candidates: Runs whose models swap.
        folder: Where to; must not exist.
        frames: Frames of each person, at most; all of a part have equally many.
        test: Who is kept for the test; empty to choose.
        seed: Decides about the compression.
        on_faces: Called with the number of images written since the last call.

    Raises:
        ConfigError: The folder is there already.
        IdentityError: ``test`` names nobody, or everybody.
        StorageFullError: The disk is full; nothing is left.
    """
    if folder.exists():
        raise ConfigError(f"{folder} is there already.", "Choose another folder.")
    division = divide([list(c.held_out) for c in candidates], test)
    counts: dict[str, int] = dict.fromkeys(PARTS, 0)
    with atomic_directory(folder) as temporary:
        writer = _Writer(temporary, seed, counts, on_faces)
        for home, members in division.people.items():
            # The same number of each: a face that is more often real would tell by itself.
            each = min([frames, *(len(_faces_of(candidates, name)) for name in members)])
            for name in members:
                models = [Model(candidates[r].loaded, to) for r, to in division.targets[name]]
                labels = [to for _, to in division.targets[name]]
                swaps = cycle(zip(labels, models, strict=True))
                share = _VALIDATION if home == "train" and not division.people["val"] else 0.0
                for part, shot in _shots(_faces_of(candidates, name), home, each, share):
                    to, model = next(swaps)
                    writer.write(part, name, to, shot, model(shot))
        made = DetectorSet(folder, counts, division)
        write_json(temporary / RECORD, _record(made, candidates, seed))
    return made


@dataclass
class _Writer:
    folder: Path
    seed: int
    counts: dict[str, int]
    on_faces: Callable[[int], None]

    def write(self, part: str, name: str, to: str, shot: Shot, swapped: Image) -> None:
        """One real and one swapped image that differ in the swap alone."""
        stem = _safe(f"{name}-{shot.clip}-{shot.index:06d}")
        quality = int(generator(self.seed, "jpeg", stem).integers(*_QUALITIES))
        matrix = crop_matrix(shot.landmarks, _SIDE, _COVERAGE)
        # The mark is beside the pixels, which are all that a classifier is shown.
        for kind, image, ending, mark in (
            (REAL, shot.image, "", b""),
            (SWAPPED, swapped, _safe(f"-as-{to}"), xmp_packet()),
        ):
            path = self.folder / part / kind / f"{stem}{ending}.jpg"
            write_image(path, warp(image, matrix, _SIDE), quality, xmp=mark)
        self.counts[part] += 1
        self.on_faces(2)


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _faces_of(candidates: Sequence[Candidate], name: str) -> Faces:
    for candidate in candidates:
        if name in candidate.held_out:
            return sorted(
                candidate.training[name] + candidate.held_out[name],
                key=lambda pair: (str(pair[0].path), pair[1].frame),
            )
    raise AssertionError(name)


def _shots(faces: Faces, part: str, frames: int, share: float) -> Iterator[tuple[str, Shot]]:
    facesets = {faceset.path: faceset for faceset, _ in faces}
    for path, faceset in facesets.items():
        own = [face for other, face in faces if other.path == path]
        footage = find_footage(faceset)
        for home, chosen in _cut(own, part, share, faceset).items():
            part_of = share if home == "val" and share else 1 - share
            count = max(1, round(frames / len(facesets) * part_of))
            picked = [chosen[place] for place in evenly(range(len(chosen)), count)]
            yield from ((home, shot) for shot in shots(faceset, picked, footage))


def _cut(
    faces: Sequence[Face], part: str, share: float, faceset: Faceset
) -> dict[str, Sequence[Face]]:
    """Faces of a clip by part: all in one, or its end in "val"."""
    if not share:
        return {part: faces}
    last = len(faces) - round(share * len(faces))
    if last - _GAP < 1 or last >= len(faces):
        raise FacesetError(
            f"{faceset.path} has {len(faces)} faces, too few to keep some aside.",
            "Use longer clips.",
        )
    return {part: faces[: last - _GAP], "val": faces[last:]}


def _record(made: DetectorSet, candidates: Sequence[Candidate], seed: int) -> dict[str, object]:
    return {
        "synthetic": "The images in the folders 'swapped' show faces drawn by a neural network.",
        "runs": [{"name": c.name, "weights_sha256": c.loaded.digest} for c in candidates],
        "images_per_class": made.counts,
        "division": asdict(made.division),
        "seed": seed,
        "side": _SIDE,
        "coverage": _COVERAGE,
    }
