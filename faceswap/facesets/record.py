"""Content of ``faceset.json``: its types, its versions, and how it is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from faceswap.core.documents import DocumentModel, Finite, Items, read_json
from faceswap.core.errors import FacesetError
from faceswap.core.folders import folders_with
from faceswap.core.formats import Format
from faceswap.core.names import Sha256Hex
from faceswap.facesets.files import EXTRACT_AGAIN, RECORD
from faceswap.provenance.subject import SubjectDocument

IMPORTED = "imported"
"""What the record names as detector and landmarker where another program found the faces."""

Count = Annotated[int, Field(ge=0, lt=1 << 53)]
_NO_SETTINGS = {"recognizer"}  # facts of the record that an extraction finds out
_Range = Annotated[list[Finite | None], Field(min_length=2, max_length=2)]


class SourceDocument(DocumentModel):
    """Source of the faces. The numbers are known once it has been read.

    Attributes:
        name: Name of the source, a label: earlier versions did not rename ``aux.mp4``.
        path: Path at the time of the extraction; on another machine it may be anything.
        kind: Kind of the source.
        sha256: Hash of its content.
        files: Names of the files of photos, checked where a path is made of them.
        width: Width of a video in pixels.
        height: Height of a video in pixels.
        fps: Frames per second of a video.
        frames: Number of frames.
        faces: Number of faces.
        frames_with_face: Number of frames with a face.
        damage: Description of damage in the source; empty for none.
        left_out: Number of faces that were not selected, by the name of the condition.
    """

    name: str
    path: str
    kind: Literal["video", "images"]
    sha256: Sha256Hex
    files: Items[str] = Field(default_factory=list)
    width: Count | None = None
    height: Count | None = None
    fps: Annotated[Finite, Field(ge=0)] | None = None
    frames: Count = 0
    faces: Count = 0
    frames_with_face: Count = 0
    damage: str = ""
    left_out: dict[str, Count] = Field(default_factory=dict)


class ExtractorDocument(DocumentModel):
    """Settings and weights that the faces depend on.

    Attributes:
        crop_size: Side of the stored crops in pixels.
        crop_coverage: Side of the stored crops in face squares.
        every: Distance of the extracted frames.
        pixel_aspect: Width over height of a stored pixel of the source; absent for square ones.
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        normalise: Normalisation before landmarks are placed; absent for none.
        re_feed: Number of regions of a face over which landmarks are averaged; absent for 1.
        min_score: Score in [0, 1] below which detections were dropped; absent for the detector's.
        tiles: Tiles along the longer side of a frame, "auto" or "off".
        turned: When turned frames were searched.
        video_decoder: Decoder of the frames of a video; absent for PyAV.
        maskers: Maskers of the stored masks; those of the first are in ``masks/`` itself.
        first_frame: Index of the first processed frame; None for the first one.
        end_frame: Index of the first frame that was not processed; None for none.
        min_size: Least size of a face in pixels.
        max_size: Greatest size; None for no condition, here and in the next ones.
        min_presence: Least presence.
        min_sharpness: Least sharpness.
        yaw: Range of the yaw in degrees; None for an open end.
        pitch: Range of the pitch.
        roll: Range of the roll.
        max_faces: Number of faces of a frame.
        threshold: Similarity from which a person is the one of a reference; None without any.
        largest: Whether only the largest face of each frame is kept.
    """

    crop_size: Annotated[int, Field(ge=1, le=1 << 14)]
    crop_coverage: Annotated[Finite, Field(gt=0, le=100)]
    every: Annotated[int, Field(ge=1)]
    pixel_aspect: Annotated[Finite, Field(ge=1 / 4, le=4)] = 1.0
    detector: str = ""
    landmarker: str = ""
    normalise: str = "none"
    re_feed: Annotated[int, Field(ge=1)] = 1
    min_score: Annotated[Finite, Field(ge=0, le=1)] | None = None
    tiles: str = "auto"
    turned: Literal["auto", "always", "never"] = "auto"
    video_decoder: Literal["pyav", "nvdec"] = "pyav"
    maskers: Items[str] = Field(default_factory=list)
    first_frame: Count | None = None
    end_frame: Count | None = None
    min_size: Count = 1
    max_size: Count | None = None
    min_presence: Finite | None = None
    min_sharpness: Finite | None = None
    yaw: _Range | None = None
    pitch: _Range | None = None
    roll: _Range | None = None
    max_faces: Count | None = None
    threshold: Finite | None = None
    largest: bool | None = None


class FacesetDocument(DocumentModel):
    """Content of ``faceset.json``.

    Attributes:
        complete: Whether the extraction is finished.
        source: Source of the faces.
        extractor: Settings and weights.
        subject: Person in the source.
        rows_sha256: Hash of the rows as they were extracted, once they have been sorted, grouped or
            named; "" before.
        default_mask: Masker of the masks that are used unless another one is named; "" for the
            first one of the extraction.
        masks: Values that masks made after the extraction depend on, by masker.
        chosen: Whether extracted faces were left out: rows were dropped or not imported, the
            faceset is a copy of some, or one that people were left out of was merged into it.
    """

    complete: bool
    source: SourceDocument
    extractor: ExtractorDocument
    subject: SubjectDocument
    rows_sha256: Sha256Hex | Literal[""] = ""
    default_mask: str = ""
    masks: dict[str, dict[str, str]] = Field(default_factory=dict)
    chosen: bool = False


def _with_maskers(document: dict[str, Any]) -> dict[str, Any]:
    """A record of version 2, which names one masker, as one of version 3."""
    extractor = dict(document["extractor"])
    if "masker" in extractor:
        extractor["maskers"] = [extractor.pop("masker")]
    return document | {"extractor": extractor}


# The meshes of version 1 have no irises, and version 2 has fewer columns; ``rows`` completes them.
FORMAT = Format(
    "faceswap-faceset", 3, FacesetError, {1: dict, 2: _with_maskers}, schema=FacesetDocument
)
"""Format of ``faceset.json``."""


def first_masker(record: dict[str, Any]) -> str:
    """Masker of the masks in ``masks/`` itself; "" if the record names none."""
    return next(iter(record["extractor"].get("maskers", [])), "")


def chooses_people(record: Mapping[str, Any]) -> bool:
    """Whether the faces are those of some people of the source, and of which is not recorded.

    The extraction left out people (``--only``, ``--not``), or faces were left out afterwards.
    """
    extractor = record["extractor"]
    return bool(extractor.get("only") or extractor.get("not") or record.get("chosen"))


def with_faces(record: Mapping[str, Any], frames: Sequence[int], *, chosen: bool) -> dict[str, Any]:
    """A record with the numbers of other faces of its source.

    Args:
        record: Record of a faceset.
        frames: Index of the frame of each face.
        chosen: Whether faces that the record stands for are left out; it then stays marked so.
    """
    source = record["source"] | {"faces": len(frames), "frames_with_face": len(set(frames))}
    return {**record, "source": source} | ({"chosen": True} if chosen else {})


def read_record(path: Path) -> dict[str, Any]:
    """Reads ``faceset.json`` of a finished or unfinished faceset.

    Args:
        path: Directory of the faceset.

    Raises:
        FacesetError: There is no faceset, or ``faceset.json`` is damaged or of a newer version.
    """
    file = path / RECORD
    if not file.is_file():
        raise FacesetError(f"There is no faceset in {path}.", _other_facesets(path))
    document = read_json(file, error=FacesetError, hint=EXTRACT_AGAIN)
    if isinstance(document, dict) and "schema_version" in document:
        # Written before formats had names; nothing else differs.
        version = document.pop("schema_version")
        document = {"format": FORMAT.name, "version": version, **document}
    return FORMAT.migrate(document, file)


def read_finished_record(path: Path) -> dict[str, Any]:
    """Reads ``faceset.json`` of a finished faceset.

    Args:
        path: Directory of the faceset.

    Raises:
        FacesetError: As of ``read_record``, or the faceset is unfinished.
    """
    record = read_record(path)
    if not record["complete"]:
        raise FacesetError(
            f"The faceset {path} is unfinished.",
            "Run the same `faceswap extract` again to resume it.",
        )
    return record


def check_same(
    path: Path, record: Mapping[str, Any], source: Mapping[str, Any], extractor: Mapping[str, Any]
) -> None:
    """Checks that a faceset is of a source and of the settings of an extraction.

    Args:
        path: Directory of the faceset.
        record: Record of the faceset.
        source: Record of the source.
        extractor: Settings and weights that the faces depend on.

    Raises:
        FacesetError: It is of others.
    """
    if record["source"]["sha256"] != source["sha256"]:
        raise FacesetError(
            f"{path} holds the faces of another source: "
            f"{record['source']['path']}, whose content differs.",
            "Choose another folder with -o, or replace it with --overwrite.",
        )
    old = record["extractor"]
    settings = extractor.keys() | old.keys() - _NO_SETTINGS
    differing = sorted(key for key in settings if old.get(key) != extractor.get(key))
    if differing:
        changes = ", ".join(f"{k}: {old.get(k)!r} -> {extractor.get(k)!r}" for k in differing)
        raise FacesetError(
            f"{path} was extracted with other settings ({changes}).",
            "Choose another folder with -o, or replace it with --overwrite.",
        )


def _other_facesets(path: Path) -> str:
    inside = [child.name for child in folders_with(RECORD, path)]
    if inside:
        return f"Expected one faceset, found a folder of several. Name one: {', '.join(inside)}."
    return "Create one with `faceswap extract VIDEO -o FOLDER`."
