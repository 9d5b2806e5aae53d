"""Which faces are swapped to which identity, as command lines say it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from faceswap.core.errors import ConfigError, IdentityError
from faceswap.core.files import user_path
from faceswap.core.weights import weights_entry
from faceswap.people.embeddings import SAME_PERSON
from faceswap.people.references import Reference, is_reference, load_references
from faceswap.recognizers import Recognizer, build_recognizer

POSITIONS = ("largest", "left", "right", "centre")
"""Places of a face among those that are seen together."""
FADE = 4
"""Frames over which a face fades by default."""

_ALL, _TRACK, _PERSON = "all", "track:", "person:"
_FORMS = (
    f"Write --map REF=IDENTITY, where REF is {_ALL}, {', '.join(POSITIONS)}, {_TRACK}3, "
    f"{_PERSON}anna, a photo of one person, a faceset, or a person in a faceset (faces/clip:anna)."
)


@dataclass(frozen=True)
class Rule:
    """Faces that are swapped to one identity; all of them if nothing else is named.

    Attributes:
        faces: Faces as the command line names them.
        to: Target identity.
        track: Number of a track; for photos, number of a face within its photo.
        person: Number or name of a person in the faceset of the source.
        reference: Person who is recognised.
        position: One of ``POSITIONS``.
    """

    faces: str
    to: str
    track: int | None = None
    person: str = ""
    reference: Reference | None = None
    position: str = ""

    @property
    def kind(self) -> Literal["track", "person", "reference", "position", "all"]:
        """What the faces are named by."""
        if self.track is not None:
            return "track"
        if self.person:
            return "person"
        if self.reference is not None:
            return "reference"
        return "position" if self.position else "all"

    def record(self) -> dict[str, str]:
        """Faces and identity for manifests; a reference is named by its content."""
        faces = self.faces if self.reference is None else self.reference.record
        return {"faces": faces, "to": self.to}


@dataclass(frozen=True)
class Targets:
    """Target identities of the faces of sources.

    Attributes:
        rules: Rules in the order of the command line.
        threshold: Cosine similarity from which a person is the one of a reference.
        recognizer: Recognition network; None where no rule has a reference.
        fade: Number of frames over which faces fade in and out within a shot; 0 for none.
    """

    rules: tuple[Rule, ...]
    threshold: float = SAME_PERSON
    recognizer: Recognizer | None = None
    fade: int = FADE

    @classmethod
    def everyone(cls, to: str) -> "Targets":
        """Every face is swapped to one identity.

        Raises:
            IdentityError: ``to`` is empty.
        """
        if not to:
            raise IdentityError(
                "Expected a target identity, found none.",
                "Give the swapper one, or pass `targets`.",
            )
        return cls((Rule(_ALL, to),))

    @property
    def identities(self) -> tuple[str, ...]:
        """Target identities without repetitions, in the order of the rules."""
        return tuple(dict.fromkeys(rule.to for rule in self.rules))

    def record(self) -> dict[str, Any]:
        """All that the result depends on, for manifests and reports."""
        record = {"rules": [rule.record() for rule in self.rules], "fade": self.fade}
        if self.recognizer is None:
            return record
        weights = {name: weights_entry(name).sha256 for name in self.recognizer.weights}
        return record | {"threshold": self.threshold, "recognizer": weights}


def parse_targets(
    to: str | None,
    mapped: Sequence[str],
    check_identity: Callable[[str], None],
    *,
    threshold: float = SAME_PERSON,
    fade: int = FADE,
    device: str = "cpu",
) -> Targets:
    """Reads the options ``--to`` and ``--map``, and loads the references that they name.

    Args:
        to: Identity of all faces that ``mapped`` does not name; None leaves these as they are.
        mapped: Texts ``REF=IDENTITY``.
        check_identity: Callback that raises ``IdentityError`` for an identity that the model does
            not have.
        threshold: Cosine similarity from which a person is the one of a reference.
        fade: Number of frames over which faces fade in and out within a shot; 0 for none.
        device: Device of the networks that find the faces of photos.

    Raises:
        ConfigError: Neither is given, a text has another form, or faces are named twice.
        IdentityError: The model has no such identity, or a reference does not show one person.
        MediaError: A reference does not exist.
        NoFacesError: A reference shows no face.
        WeightsUnavailable: A reference is given, and the recognition network is not available.
    """
    pairs = [_pair(text) for text in mapped]
    if to is not None:
        pairs.append((_ALL, to))
    if not pairs:
        raise ConfigError("Expected --to IDENTITY or --map REF=IDENTITY, found neither.", _FORMS)
    for _, identity in pairs:
        check_identity(identity)
    _check_unique(faces for faces, _ in pairs)
    texts = [faces for faces, _ in pairs if _names_reference(faces)]
    recognizer = build_recognizer() if texts else None
    loaded: Mapping[str, Reference] = {}
    if recognizer is not None:
        loaded = dict(zip(texts, load_references(texts, recognizer, device), strict=True))
    rules = tuple(_rule(faces, identity, loaded.get(faces)) for faces, identity in pairs)
    return Targets(rules, threshold, recognizer, fade)


def _pair(text: str) -> tuple[str, str]:
    faces, sign, identity = text.rpartition("=")
    if not (sign and faces and identity):
        raise ConfigError(f"Expected REF=IDENTITY in --map, found {text!r}.", _FORMS)
    return faces, identity


def _check_unique(named: Iterable[str]) -> None:
    seen: set[str] = set()
    for faces in named:
        if faces in seen:
            what = "--to and --map all" if faces == _ALL else f"--map {faces}"
            raise ConfigError(
                f"Expected one identity for the faces {faces!r}, found two.", f"Give {what} once."
            )
        seen.add(faces)


def _names_reference(faces: str) -> bool:
    """Whether a photo or a faceset is named, and not a keyword, a track or a person's name."""
    if faces == _ALL or faces in POSITIONS or faces.startswith((_TRACK, _PERSON)):
        return False
    # What looks like a path is one, so that a mistyped one is an error rather than a name.
    path = user_path(faces)
    return is_reference(faces) or len(path.parts) > 1 or bool(Path(faces).suffix)


def _rule(faces: str, to: str, reference: Reference | None) -> Rule:
    if reference is not None:
        return Rule(faces, to, reference=reference)
    if faces == _ALL:
        return Rule(faces, to)
    if faces in POSITIONS:
        return Rule(faces, to, position=faces)
    if faces.startswith(_TRACK):
        digits = faces.removeprefix(_TRACK)
        if not (digits.isascii() and digits.isdecimal()):
            raise IdentityError(f"Expected the number of a track, found {faces!r}.", _FORMS)
        return Rule(faces, to, track=int(digits))
    person = faces.removeprefix(_PERSON)
    if not person:
        raise IdentityError(f"Expected the name of a person, found {faces!r}.", _FORMS)
    return Rule(faces, to, person=person)
