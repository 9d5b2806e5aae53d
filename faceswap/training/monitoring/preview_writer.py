"""Writes training previews, signed as synthetic like everything else that shows generated faces."""

from pathlib import Path

from faceswap.core.log import get_logger
from faceswap.media.images import Image, write_image
from faceswap.models.model_file import ModelMeta
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.metadata import xmp_packet
from faceswap.provenance.signing import ManifestSigner

_log = get_logger(__name__)
_QUALITY = 92


class PreviewWriter:
    """Writes ``step-*.jpg`` with a manifest and XMP inside.

    Where nothing can be signed no preview is written: one warning says why, and training continues.

    Args:
        folder: Folder of the previews.
        meta: Architecture, identities and subject records of the model.
    """

    def __init__(self, folder: Path, meta: ModelMeta) -> None:
        self._folder, self._meta = folder, meta
        self._identity: SigningIdentity | None = None
        self._disabled = False

    def path(self, step: int) -> Path:
        """File of the preview of a step."""
        return self._folder / f"step-{step:08d}.jpg"

    def write(self, image: Image, step: int) -> None:
        """Writes the preview of a step.

        Args:
            image: Image, ``(H, W, 3) uint8 RGB``.
            step: Finished steps.

        Raises:
            StorageFullError: The disk is full.
        """
        if self._disabled:
            return
        try:
            self._identity = self._identity or open_identity()
            # The weights of a step are not on disk by themselves, so there is no hash of them.
            record = self._meta.record() | {"step": step}
            shown = Conversion(record, self._meta.identities, self._meta.subjects)
            sign = ManifestSigner(self._identity, shown).for_sources()
            write_image(self.path(step), image, _QUALITY, xmp=xmp_packet(), sign=sign)
        except ProvenanceError as error:
            self._disabled = True
            _log.warning(
                "No previews are written, since they cannot be signed. %s %s",
                error.message,
                error.hint,
            )
