"""What the record of a faceset says of its faces, however they are stored."""

from typing import Any


class RecordedFaces:
    """Base of stored faces with a record, the content of ``faceset.json``."""

    record: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.record["source"]["name"]

    @property
    def source_sha256(self) -> str:
        """SHA-256 of the source, which facesets of the same footage share."""
        return self.record["source"]["sha256"]

    @property
    def subject(self) -> dict[str, Any]:
        """Subject record: the person, and the basis on which they may be shown."""
        return self.record["subject"]

    @property
    def crop_size(self) -> int:
        """Side of the stored crops in pixels."""
        return self.record["extractor"]["crop_size"]

    @property
    def crop_coverage(self) -> float:
        """Side of the stored crops in face squares (1 = brows to chin)."""
        return self.record["extractor"]["crop_coverage"]
