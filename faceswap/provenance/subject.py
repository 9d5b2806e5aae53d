"""The subject record: who is in a faceset and on what basis they may be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import sha256_file

BASES = ("self", "consent", "licensed", "public-domain", "research", "unstated")
UNSTATED = "unstated"
_LONGEST = 500


@dataclass(frozen=True)
class Evidence:
    """A file that shows the basis, a signed release say; it stays where it is.

    Attributes:
        file: Its name, without folders.
        sha256: Of its content, in hex.
    """

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Evidence":
        """Describes a file.

        Raises:
            MediaError: There is none.
        """
        if not path.is_file():
            raise MediaError(f"There is no file {path}.", "Give the signed release itself.")
        return cls(path.name, sha256_file(path))


@dataclass(frozen=True)
class Subject:
    """Who is shown, and on what basis.

    Attributes:
        name: Name or pseudonym; may be empty.
        basis: One of ``BASES``.
        reference: Free text: number of the release, licence, ethics vote, address.
        evidence: A file whose hash is kept, or None.

    Raises:
        ConfigError: An unknown basis, or text that is too long or no text.
    """

    name: str = ""
    basis: str = UNSTATED
    reference: str = ""
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise ConfigError(
                f"{self.basis!r} is no basis on which a person may be shown.",
                f"Use one of {', '.join(BASES)}.",
            )
        for what, text in (("name", self.name), ("reference", self.reference)):
            if len(text) > _LONGEST or not (text.isprintable() or not text):
                raise ConfigError(
                    f"The {what} of a subject is one line of up to {_LONGEST} letters.",
                    "Keep the long text in a file and name that file with --evidence.",
                )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Subject":
        """Reads a record as it is stored.

        Raises:
            ConfigError: It is damaged.
        """
        try:
            evidence = value.get("evidence")
            return cls(
                str(value.get("name", "")),
                str(value.get("basis", UNSTATED)),
                str(value.get("reference", "")),
                Evidence(evidence["file"], evidence["sha256"]) if evidence else None,
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ConfigError(
                f"A subject record is damaged: {value!r}.", "Set it again with `faceswap subject`."
            ) from error

    def to_json(self) -> dict[str, Any]:
        """The record as it is stored; without evidence there is no such key."""
        value: dict[str, Any] = {
            "name": self.name,
            "basis": self.basis,
            "reference": self.reference,
        }
        if self.evidence:
            value["evidence"] = {"file": self.evidence.file, "sha256": self.evidence.sha256}
        return value

    def describe(self) -> str:
        """One line, in which what is unstated is said to be so."""
        parts = [self.name or "name unstated", f"basis {self.basis}"]
        if self.reference:
            parts.append(self.reference)
        if self.evidence:
            parts.append(f"evidence {self.evidence.file} (sha256 {self.evidence.sha256[:12]}...)")
        return ", ".join(parts)


def is_unstated(record: Mapping[str, Any]) -> bool:
    """Whether a stored record says no basis."""
    return record.get("basis", UNSTATED) == UNSTATED


def matches_evidence(record: Mapping[str, Any], file: Path) -> bool | None:
    """Whether a file is, byte for byte, the evidence of a stored record; None without evidence.

    Raises:
        MediaError: There is no such file.
    """
    evidence = Subject.from_json(record).evidence
    return evidence and evidence.sha256 == Evidence.of(file).sha256


def describe_records(records: Sequence[Mapping[str, Any]]) -> str:
    """One line about the records of one identity; equal ones are said once."""
    lines = dict.fromkeys(Subject.from_json(record).describe() for record in records)
    return "; ".join(lines) or Subject().describe()


def describe_shown(identity: str, subjects: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Whose face converted media show, and on what basis."""
    return f"Shows {identity}: {describe_records(subjects.get(identity, []))}."
