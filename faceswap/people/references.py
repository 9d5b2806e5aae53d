"""References to a person: photos, facesets, people in facesets, and tracks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceswap.core.errors import IdentityError, MediaError, NoFacesError
from faceswap.core.files import user_path
from faceswap.core.hashed_file import HashedFile
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import find_facesets
from faceswap.facesets.record import read_record
from faceswap.facesets.subjects import is_faceset
from faceswap.media.images import read_image
from faceswap.people.embeddings import Embedding, faceset_embedding
from faceswap.recognizers import Recognizer
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.tracker import Tracker

_TRACK = "track="
_SHOWN_DIGITS = 16  # of a hash
_FORMS = (
    "Give a photo of one person, a faceset, a person in a faceset (faces/clip:2 or faces/clip:anna)"
    " or one of its tracks (faces/clip:track=0)."
)

Faces = list[tuple[Faceset, Face]]


@dataclass(frozen=True)
class Reference:
    """A person to look for.

    Attributes:
        name: Path of the photo or faceset as it was given, with the person or track in it.
        embedding: Mean embedding, ``(D,)``.
        record: Description for the record of an extraction. That of a person in facesets does not
            depend on their faces: the extraction itself may add some to the folder.
    """

    name: str
    embedding: Embedding
    record: str


def is_reference(text: str) -> bool:
    """Whether a text names a file or folder, or a person or track in one: ``faces/clip:anna``."""
    before = text.rpartition(":")[0]
    return user_path(text).exists() or bool(before and user_path(before).is_dir())


def load_references(
    texts: Sequence[str], recognizer: Recognizer, device: str = "cpu"
) -> tuple[Reference, ...]:
    """Loads references as command lines give them.

    Args:
        texts: Photos, facesets, ``FACESET:PERSON`` or ``FACESET:track=NUMBER``. FACESET may be a
            folder of facesets where a person is named.
        recognizer: Recognition network.
        device: Device of the detector and the landmarker that find the faces of photos.

    Raises:
        MediaError: A path does not exist, or is neither a photo nor a faceset.
        NoFacesError: There is no face.
        IdentityError: There is more than one person, or not the one that is named.
        FacesetError: A faceset is damaged, or has no people yet.
    """
    tracker: Tracker | None = None
    found = []
    for text in texts:
        path = user_path(text)
        if path.is_file():
            tracker = tracker or build_tracker(device=device)
            found.append(photo_reference(path, recognizer, tracker))
        else:
            found.append(_faceset_reference(text, recognizer))
    return tuple(found)


def photo_reference(path: Path, recognizer: Recognizer, tracker: Tracker) -> Reference:
    """The person on a photo.

    Args:
        path: Photo with one face.
        recognizer: Recognition network.
        tracker: Detector and landmarker that find the face.

    Raises:
        MediaError: The file is missing or no image.
        NoFacesError: It shows no face.
        IdentityError: It shows several faces.
    """
    hashed = HashedFile.of(path)
    image = read_image(path)
    faces = tracker.find_faces(image)
    if not faces:
        raise NoFacesError(
            f"Expected a face on the reference photo {path}, found none.",
            "Give a photo on which the face is larger, sharper or seen from the front.",
        )
    if len(faces) > 1:
        raise IdentityError(
            f"Expected one face on the reference photo {path}, found {len(faces)}.",
            "Crop it to one person.",
        )
    (embedding,) = recognizer([image], [faces[0].landmarks.points])
    hashed.check()
    return Reference(str(path), embedding, hashed.sha256[:_SHOWN_DIGITS])


def person_reference(
    name: str, facesets: Sequence[Faceset], person: str, recognizer: Recognizer
) -> Reference:
    """A person in facesets.

    Args:
        name: Name of the reference.
        facesets: Facesets, in which one person has one number or name.
        person: Number or name of the person.
        recognizer: Recognition network.

    Raises:
        IdentityError: The facesets do not contain this person.
    """
    every = [(faceset, face) for faceset in facesets for face in faceset.trainable()]
    chosen = [(faceset, face) for faceset, face in every if face.person == person]
    if not chosen:
        people = _people(every)
        raise IdentityError(
            f"Expected the person {person!r} in {name}, found "
            f"{', '.join(people) if people else 'nobody with a number or name'}.",
            "Run `faceswap faces people FOLDER` to number people and to name them.",
        )
    return Reference(name, faceset_embedding(chosen, recognizer), f"person:{person}")


def track_reference(name: str, faceset: Faceset, track: int, recognizer: Recognizer) -> Reference:
    """The person of a track of a faceset.

    Args:
        name: Name of the reference.
        faceset: Faceset.
        track: Number of the track.
        recognizer: Recognition network.

    Raises:
        IdentityError: There is no such track.
    """
    chosen = [(faceset, face) for face in faceset.trainable() if face.track == track]
    if not chosen:
        tracks = sorted({face.track for face in faceset.trainable()})
        raise IdentityError(
            f"Expected track {track} in {faceset.path}, found {', '.join(map(str, tracks[:20]))}.",
            "The column `track` of faces.parquet has the numbers.",
        )
    record = f"{_source(faceset)}:{_TRACK}{track}"
    return Reference(name, faceset_embedding(chosen, recognizer), record)


def _faceset_reference(text: str, recognizer: Recognizer) -> Reference:
    path, person = user_path(text), ""
    if not path.exists():
        before, _, person = text.rpartition(":")
        path = user_path(before) if before else path
    if not path.is_dir():
        raise MediaError(f"There is no reference {text}.", _FORMS)
    facesets = [Faceset.open(path)] if is_faceset(path) else _finished(path)
    if person.startswith(_TRACK):
        return track_reference(text, _one(path, facesets), _number(text, person), recognizer)
    if person:
        return person_reference(text, facesets, person, recognizer)
    return _whole_faceset(_one(path, facesets), recognizer)


def _finished(folder: Path) -> list[Faceset]:
    """The finished facesets of a folder, in which an extraction may have begun another one."""
    paths = find_facesets([folder])
    return [Faceset.open(path) for path in paths if read_record(path)["complete"]]


def _number(text: str, person: str) -> int:
    digits = person.removeprefix(_TRACK)
    if not (digits.isascii() and digits.isdecimal()):
        raise IdentityError(f"Expected the number of a track, found {digits!r} in {text}.", _FORMS)
    return int(digits)


def _one(path: Path, facesets: Sequence[Faceset]) -> Faceset:
    if not is_faceset(path):
        raise IdentityError(
            f"Expected one faceset as reference, found a folder of {len(facesets)}: {path}.", _FORMS
        )
    return facesets[0]


def _whole_faceset(faceset: Faceset, recognizer: Recognizer) -> Reference:
    faces: Faces = [(faceset, face) for face in faceset.trainable()]
    people = _people(faces)
    if len(people) > 1:
        raise IdentityError(
            f"Expected one person in {faceset.path}, found {', '.join(people)}.",
            f"Name the person: {faceset.path}:{people[0]}",
        )
    if not faces:
        raise NoFacesError(f"The faceset {faceset.path} has no crops.", _FORMS)
    return Reference(str(faceset.path), faceset_embedding(faces, recognizer), _source(faceset))


def _people(faces: Faces) -> list[str]:
    return list(dict.fromkeys(face.person for _, face in faces if face.person is not None))


def _source(faceset: Faceset) -> str:
    return faceset.source_sha256[:_SHOWN_DIGITS]
