"""Writes training previews, signed as synthetic like everything else that shows generated faces."""

from pathlib import Path

from faceswap.core.log import get_logger
from faceswap.media.images import Image, write_image
from faceswap.models.model_file import ModelMeta
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.metadata import xmp_packet
from faceswap.training.monitoring.preview_files import preview_path
from faceswap.training.monitoring.run_signer import RunSigner

_log = get_logger(__name__)
_QUALITY = 92


class PreviewWriter:
    """Writes ``step-*.jpg`` with a manifest and XMP inside.

    Where nothing can be signed no preview is written: one warning says why, and training continues.

    Args:
        folder: Folder of the previews.
        meta: Architecture, identities and subject records of the model.

    Attributes:
        signer: Signs what is written.
        disabled: Whether nothing can be signed.
    """

    def __init__(self, folder: Path, meta: ModelMeta) -> None:
        self.folder = folder
        self.signer = RunSigner(meta)
        self.disabled = False

    def write(self, image: Image, step: int) -> Path | None:
        """Writes the preview of a step.

        Args:
            image: Image, ``(H, W, 3) uint8 RGB``.
            step: Finished steps.

        Returns:
            The file; None if nothing can be signed.

        Raises:
            StorageFullError: The disk is full.
        """
        if self.disabled:
            return None
        path = preview_path(self.folder, step)
        try:
            sign = self.signer.of_step(step)
            write_image(path, image, _QUALITY, xmp=xmp_packet(), sign=sign)
        except ProvenanceError as error:
            self.disabled = True
            _log.warning(
                "No previews are written, since they cannot be signed. %s %s",
                error.message,
                error.hint,
            )
            return None
        return path
