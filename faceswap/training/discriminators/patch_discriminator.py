"""Judges patches of faces: real, or decoded?"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap.training.discriminators.receptive_field import KERNEL

_WIDEST = 512
_SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """U-Net that judges a face twice: by patches, and at each pixel.

    A U-Net discriminator (Schönfeld et al., "A U-Net based discriminator for generative adversarial
    networks", 2020; Ronneberger et al., 2015) as in DeepFaceLab's SAEHD: the encoder's output has
    the receptive field of its planned layers, the decoder's the full resolution. Here no residual
    blocks are between the layers, so that the encoder sees exactly that patch.

    All identities share the layers, and each has a channel of its own in the outputs, as in FUNIT
    (Liu et al., 2019) and StarGAN v2 (Choi et al., 2020). Without identities it could not tell the
    skin or the grain of one person's footage from that of another; one network each would cost
    memory, and would learn from the faces of one person only.

    Args:
        identities: Number of identities.
        strides: Strides of the encoder's 3x3 convolutions, see ``plan_strides``.
        dims: Number of channels of the first layer; they double with each, up to 512.
    """

    def __init__(self, identities: int, strides: Sequence[int], dims: int = 16) -> None:
        super().__init__()
        widths = [min(dims << number, max(dims, _WIDEST)) for number in range(len(strides) + 1)]
        self.stem = nn.Conv2d(3, widths[0], 1)
        self.down = nn.ModuleList(
            nn.Conv2d(inputs, outputs, KERNEL, stride, padding=KERNEL // 2)
            for inputs, outputs, stride in zip(widths, widths[1:], strides, strict=False)
        )
        self.patches = nn.Conv2d(widths[-1], identities, 1)
        # What comes from below lies beside the encoder's features, but for the lowest.
        below = [widths[-1], *(2 * width for width in widths[-2:0:-1])]
        self.up = nn.ModuleList(
            nn.Conv2d(inputs, outputs, KERNEL, padding=KERNEL // 2)
            for inputs, outputs in zip(below, widths[-2::-1], strict=True)
        )
        self.pixels = nn.Conv2d(2 * widths[0], identities, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                # With torch's default so little of the input arrives that nothing is learnt for
                # hundreds of steps.
                nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, faces: Tensor, owners: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, positive where a face seems to be real.

        Args:
            faces: Faces, ``(F, 3, s, s) float32 RGB`` in [-1, 1]; 0 where nothing is judged.
            owners: Number of the identity of each face, ``(F,) int64``.

        Returns:
            Logits of the patches ``(F, h, w)`` and of the pixels ``(F, s, s)``.
        """
        features = F.leaky_relu(self.stem(faces), _SLOPE)
        above = []
        for layer in self.down:
            above.append(features)
            features = F.leaky_relu(layer(features), _SLOPE)
        places = torch.arange(len(faces), device=faces.device)
        patches = self.patches(features)[places, owners]
        for layer in self.up:
            beside = above.pop()
            # Enlarged after the convolution, which costs a quarter of that of enlarged features.
            features = F.interpolate(F.leaky_relu(layer(features), _SLOPE), beside.shape[-2:])
            features = torch.cat([features, beside], 1)
        return patches, self.pixels(features)[places, owners]
