"""Signs what a training shows of generated faces."""

from faceswap.core.held_file import Signer
from faceswap.models.model_file import ModelMeta
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.signing import ManifestSigner


class RunSigner:
    """Signs files as synthetic, without ingredients.

    Args:
        meta: Architecture, identities and subject records of the model.
    """

    def __init__(self, meta: ModelMeta) -> None:
        self._meta = meta
        self._identity: SigningIdentity | None = None

    def of_step(self, step: int) -> Signer:
        """The function that signs a file of a step, for writers.

        Args:
            step: Finished steps.

        Raises:
            ProvenanceError: Nothing can be signed on this machine.
        """
        self._identity = self._identity or open_identity()
        # The weights of a step are not on disk by themselves, so there is no hash of them.
        record = self._meta.record() | {"step": step}
        shown = Conversion(record, self._meta.identities, self._meta.subjects)
        return ManifestSigner(self._identity, shown).for_sources()
