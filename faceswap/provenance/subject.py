"""Subject record: the person in a faceset, and the basis on which they may be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from faceswap.core.documents import DocumentModel, check_schema
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import sha256_file
from faceswap.core.names import Sha256Hex

BASES = ("self", "consent", "licensed", "public-domain", "research", "unstated")
UNSTATED = "unstated"
_LONGEST = 500


@dataclass(frozen=True)
class Evidence:
    """A file that documents the basis, such as a signed release; only its hash is stored.

    Attributes:
        file: File name without folders.
        sha256: SHA-256 of the content, in hex.
    """

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Evidence":
        """Hashes a file.

        Raises:
            MediaError: There is no such file.
        """
        if not path.is_file():
            raise MediaError(f"There is no file {path}.", "Give the path of the signed release.")
        return cls(path.name, sha256_file(path))


@dataclass(frozen=True)
class Subject:
    """Person in the footage, and the basis on which they may be shown.

    Attributes:
        name: Name or pseudonym; may be empty.
        basis: One of ``BASES``.
        reference: Free text: number of the release, licence, ethics vote, address.
        evidence: File whose hash is stored, or None.

    Raises:
        ConfigError: Unknown basis, or text that is too long or not printable.
    """

    name: str = ""
    basis: str = UNSTATED
    reference: str = ""
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise ConfigError(f"Unknown basis {self.basis!r}.", f"Use one of {', '.join(BASES)}.")
        for what, text in (("name", self.name), ("reference", self.reference)):
            if len(text) > _LONGEST or not (text.isprintable() or not text):
                raise ConfigError(
                    f"The {what} of a subject must be one line of up to {_LONGEST} characters.",
                    "Put longer text into a file and give that file with --evidence.",
                )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Subject":
        """Parses a stored record.

        Raises:
            ConfigError: The record is damaged.
        """
        hint = "Set it again with `faceswap subject`."
        check_schema(value, SubjectDocument, "A subject record", ConfigError, hint)
        evidence = value.get("evidence")
        return cls(
            value.get("name", ""),
            value.get("basis", UNSTATED),
            value.get("reference", ""),
            Evidence(evidence["file"], evidence["sha256"]) if evidence else None,
        )

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values; the key ``evidence`` exists only with evidence."""
        value: dict[str, Any] = {
            "name": self.name,
            "basis": self.basis,
            "reference": self.reference,
        }
        if self.evidence:
            value["evidence"] = {"file": self.evidence.file, "sha256": self.evidence.sha256}
        return value

    def describe(self) -> str:
        """One line about the record."""
        parts = [self.name or "name unstated", f"basis {self.basis}"]
        if self.reference:
            parts.append(self.reference)
        if self.evidence:
            parts.append(f"evidence {self.evidence.file} (sha256 {self.evidence.sha256[:12]}...)")
        return ", ".join(parts)


class EvidenceDocument(DocumentModel):
    """A stored ``Evidence``; the name of its file is a label."""

    file: str
    sha256: Sha256Hex


class SubjectDocument(DocumentModel):
    """A stored ``Subject``: what ``to_json`` gives."""

    name: str = ""
    basis: str = UNSTATED
    reference: str = ""
    evidence: EvidenceDocument | None = None

    @model_validator(mode="after")
    def _check_text(self) -> Self:
        try:
            Subject(self.name, self.basis, self.reference)
        except ConfigError as error:
            raise ValueError(error.message.rstrip(".")) from error
        return self


def is_unstated(record: Mapping[str, Any]) -> bool:
    """Whether a stored record has no stated basis."""
    return record.get("basis", UNSTATED) == UNSTATED


def matches_evidence(record: Mapping[str, Any], file: Path) -> bool | None:
    """Whether a file is identical to the evidence of a stored record; None without evidence.

    Raises:
        MediaError: There is no such file.
    """
    evidence = Subject.from_json(record).evidence
    return evidence and evidence.sha256 == Evidence.of(file).sha256


def describe_records(records: Sequence[Mapping[str, Any]]) -> str:
    """One line about the records of one identity, without duplicates."""
    lines = dict.fromkeys(Subject.from_json(record).describe() for record in records)
    return "; ".join(lines) or Subject().describe()


def describe_shown(identity: str, subjects: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """One line about the identity in converted media, and the basis for showing it."""
    return f"Shows {identity}: {describe_records(subjects.get(identity, []))}."
