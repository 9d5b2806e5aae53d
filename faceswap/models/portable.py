"""The swap of a model to one identity as a network of its own, for export."""

from torch import Tensor, nn

from faceswap.core.errors import ModelFileError
from faceswap.models.amp import MorphingAutoencoder
from faceswap.models.autoencoder import FaceAutoencoder, as_reconstruction
from faceswap.models.guided import GuidedAutoencoder


class PortableSwap(nn.Module):
    """Encoder and the decoder of one identity.

    Args:
        model: Model in evaluation mode.
        to: Identity to decode as.

    Raises:
        IdentityError: The model was not trained on ``to``.
        ModelFileError: The model is guided.
    """

    def __init__(self, model: FaceAutoencoder, to: str) -> None:
        super().__init__()
        model.check_identity(to)
        if isinstance(model, GuidedAutoencoder):
            raise ModelFileError(
                "A guided model cannot leave this program: for every face it is shown the geometry "
                "and the references that `faceswap convert` chooses.",
                "Train a model that needs no references, for example with --config classic.",
            )
        self.model = model
        self.number = model.identities.index(to)

    @property
    def morphs(self) -> bool:
        """Whether the swap has a morph factor."""
        return isinstance(self.model, MorphingAutoencoder)

    def forward(self, faces: Tensor, morph: Tensor | None = None) -> tuple[Tensor, ...]:
        """Swaps faces.

        Args:
            faces: Faces, ``(B, 3, S, S) float32 RGB`` in [0, 1].
            morph: Morph factor, ``(1,)``, for models that have one; None for a full swap.

        Returns:
            Swapped faces, ``(B, 3, s, s) float32 RGB`` in [0, 1]; with them ``(B, 1, s, s)`` masks,
            1 inside the face, if the model predicts them.
        """
        codes = self.model.encode(faces)
        if morph is None:
            logits = self.model.decode(codes, self.number)
        else:
            assert isinstance(self.model, MorphingAutoencoder)
            logits = self.model.decode_mixture(codes, self.number, morph)
        decoded = as_reconstruction(logits)
        return (decoded.face,) if decoded.mask is None else (decoded.face, decoded.mask)
