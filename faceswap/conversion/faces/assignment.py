"""Assigns a target identity to each track of a source, once and for all of its frames."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.targets import POSITIONS, Rule, Targets
from faceswap.core.errors import IdentityError, NoFacesError
from faceswap.core.text import counted
from faceswap.people.embeddings import Embedding, mean_embedding
from faceswap.people.grouping import group_people

# Fraction of the frames of a track in which a face that precedes it may be seen as well.
_TOGETHER = 0.5


@dataclass(frozen=True)
class SeenTrack:
    """What the assignment knows of a track; a face of a photo is a track of its own.

    Attributes:
        number: Number of the track.
        frames: Indices of the frames that show it, ``(N,)`` ascending.
        size: Median side of its face square in pixels.
        x: Median position of its centre: 0 at the left edge of the frame and 1 at the right one.
        person: Number or name of the person; None if it has not been determined.
        embedding: Mean embedding, ``(D,)``; None where people are not recognised.
    """

    number: int
    frames: NDArray[np.int64]
    size: float
    x: float
    person: str | None = None
    embedding: Embedding | None = None


class Assignment:
    """Assigns target identities by rules, and remembers which rules have applied.

    A track takes its identity from the most specific rule: one that names the track, then one that
    names its person or shows them, then its position, then the rule for all others. Of two people
    who are similar enough, the more similar one decides.

    Args:
        targets: The rules.
        source: Name of the source, for messages.

    Attributes:
        targets: The rules.
        deleted: Number of faces that were deleted from the faceset of the source.
    """

    def __init__(self, targets: Targets, source: str) -> None:
        self.targets, self._source = targets, source
        self.deleted = 0
        self._applied: Counter[str] = Counter()  # tracks by the faces that a rule names
        self._nearest: dict[str, float] = {}
        self._people: dict[str, None] = {}
        self._tracks: dict[int, None] = {}

    def assign(self, tracks: Sequence[SeenTrack]) -> dict[int, str]:
        """Target identities of the tracks of a video, or of the faces of a photo.

        Args:
            tracks: All tracks that are seen together.

        Returns:
            Identities by the number of the track; tracks that keep their face are absent.

        Raises:
            IdentityError: A name stands for a person of the faceset as well as for a file.
        """
        self._tracks |= dict.fromkeys(track.number for track in tracks)
        self._people |= dict.fromkeys(t.person for t in tracks if t.person is not None)
        self._check_names()
        found: dict[int, Rule] = {}
        # The most specific rules last, which replace the others.
        found |= {track.number: rule for rule in self._rules("all") for track in tracks}
        for rule in reversed(self._rules("position")):
            found |= dict.fromkeys(at_position(tracks, rule.position), rule)
        found |= self._recognised(tracks)
        found |= {
            t.number: r for r in self._rules("person") for t in tracks if t.person == r.person
        }
        found |= {t.number: r for r in self._rules("track") for t in tracks if t.number == r.track}
        for rule in found.values():
            self._applied[rule.faces] += 1
        return {number: rule.to for number, rule in found.items()}

    def notes(self) -> list[str]:
        """Lines on faces that stay as they are, and on each rule that names faces and has none."""
        named = [rule for rule in self.targets.rules if rule.kind != "all"]
        unmatched = [self._unmatched(rule) for rule in named if not self._applied[rule.faces]]
        if not self.deleted:
            return unmatched
        faces = counted(self.deleted, "face")
        return [f"{faces} deleted from the faceset: swapped nowhere.", *unmatched]

    def check(self) -> None:
        """Checks that some face is swapped, if any was seen.

        Raises:
            NoFacesError: There are faces, and no rule applies to any.
        """
        if self._tracks and not self._applied:
            raise NoFacesError(
                f"Expected faces of --map in {self._source}, found none. {' '.join(self.notes())}",
                "Name other faces with --map, or all of them with --to.",
            )

    def _rules(self, kind: str) -> list[Rule]:
        return [rule for rule in self.targets.rules if rule.kind == kind]

    def _check_names(self) -> None:
        for rule in self._rules("reference"):
            if rule.faces in self._people:
                raise IdentityError(
                    f"Expected one meaning of --map {rule.faces}, found two: a person of the "
                    "faceset has the name of the file.",
                    f"Write person:{rule.faces} or ./{rule.faces}.",
                )

    def _recognised(self, tracks: Sequence[SeenTrack]) -> dict[int, Rule]:
        """Rules of the references that show the people of tracks."""
        rules, references = self._rules("reference"), []
        for rule in rules:
            assert rule.reference is not None
            references.append(rule.reference.embedding)
        found: dict[int, Rule] = {}
        for members, embedding in people_of(tracks) if rules else ():
            similar = np.stack(references) @ embedding
            for rule, value in zip(rules, similar.tolist(), strict=True):
                self._nearest[rule.faces] = max(value, self._nearest.get(rule.faces, -1.0))
            best = int(similar.argmax())
            if similar[best] >= self.targets.threshold:
                found |= dict.fromkeys(members, rules[best])
        return found

    def _unmatched(self, rule: Rule) -> str:
        where = self._source
        if rule.kind == "reference":
            nearest = self._nearest.get(rule.faces)
            if nearest is None:
                return f"Nobody in {where} could be compared with {rule.faces}."
            return (
                f"Nobody in {where} matches {rule.faces}: the most similar person reaches "
                f"{nearest:.2f}, and the threshold is {self.targets.threshold:.2f}"
                f"{', or is more similar to another one' * (nearest >= self.targets.threshold)}."
            )
        if rule.kind == "person":
            people = ", ".join(self._people) or "none with a number or name in a faceset"
            return f"Nobody in {where} is {rule.person!r}. Its people: {people}."
        if rule.kind == "track":
            numbers = sorted(self._tracks)
            tracks = ", ".join(map(str, numbers[:20])) + (", ..." if len(numbers) > 20 else "")
            return f"There is no track {rule.track} in {where}. Its tracks: {tracks or 'none'}."
        return f"--map {rule.faces} applies to no face of {where}."


def people_of(tracks: Iterable[SeenTrack]) -> list[tuple[list[int], Embedding]]:
    """People on tracks: numbers of their tracks, and their mean embedding.

    Tracks of a person who is known by a number or name belong together; others are grouped.
    """
    known = [(t, t.embedding) for t in tracks if t.embedding is not None]
    if not known:
        return []
    embeddings = np.stack([embedding for _, embedding in known])
    weights = [float(len(track.frames)) for track, _ in known]
    groups = group_people(embeddings, weights, [track.person for track, _ in known])
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    return [
        ([known[place][0].number for place in places], mean_embedding(embeddings[places]))
        for places in members.values()
    ]


def at_position(tracks: Sequence[SeenTrack], position: str) -> list[int]:
    """Numbers of the tracks at a position among those that are seen together.

    The median of a track stands for it in all of its frames. A track is at the position if in at
    least half of its frames no track is seen that is at the position and precedes it.

    Args:
        tracks: All tracks that are seen together.
        position: One of ``POSITIONS``.
    """
    last = max((int(track.frames[-1]) for track in tracks), default=-1)
    taken = np.zeros(last + 1, bool)
    found = []
    for track in sorted(tracks, key=lambda track: (_rank(track, position), track.number)):
        if taken[track.frames].mean() <= _TOGETHER:
            found.append(track.number)
            taken[track.frames] = True
    return found


def _rank(track: SeenTrack, position: str) -> float:
    """Sorts tracks by how well they are at a position: the lowest first."""
    assert position in POSITIONS
    ranks = {"largest": -track.size, "left": track.x, "right": -track.x}
    return ranks.get(position, abs(track.x - 0.5))
