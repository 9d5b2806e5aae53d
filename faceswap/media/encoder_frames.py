"""Frames for an encoder, made from pictures at full depth or from 8-bit RGB."""

from dataclasses import replace

import numpy as np
from av import VideoFrame
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from faceswap.media.colour import FULL, RGB, ColourTags, YuvConverter
from faceswap.media.encoder_table import EncoderSettings
from faceswap.media.encoders import choose_pixel_format
from faceswap.media.filters import (
    CHROMA_LOCATIONS,
    EXACT,
    EXACT_DOWN,
    LEFT,
    THREADS,
    FrameFilter,
)
from faceswap.media.frame import Image
from faceswap.media.output_format import (
    ALPHA_HINT,
    check_format,
    choose_deep_format,
    format_losses,
)
from faceswap.media.picture import Picture, RgbPicture
from faceswap.media.pixel_layout import pixel_layout
from faceswap.media.upright import UprightPictures
from faceswap.media.video_info import VideoInfo
from faceswap.media.video_picture import PictureFormat, VideoPicture, stored_picture

# Encoders that tell where chroma is, wherever it is; for others it moves to the left if a rotation
# took it to an unusual place.
_PLACING = frozenset({"libx264", "libx265", "ffv1"})
_USUAL = frozenset({"left", "center", "topleft"})

_CODING_FIELDS = frozenset({"libx264", "prores_ks", "mpeg2video"})
_LEFT = [("setparams", f"chroma_location={CHROMA_LOCATIONS[LEFT]}")]


class RgbFrames:
    """Makes frames from 8-bit RGB.

    Args:
        info: Metadata of the video.
        encoder: FFmpeg's name of the encoder.
        settings: Settings of the encoder.
        pixel_format: FFmpeg's name of the pixel format; None for 8-bit 4:2:0 if possible.

    Attributes:
        pixel_format: FFmpeg's name of the pixel format.
        colour: Colour tags to write.
        options: Options of the encoder that go with it.
        notes: Lines about what the frames do not have of the pictures; complete at the end.
        fields: Order of the fields, as in ``VideoInfo``.
    """

    def __init__(
        self, info: VideoInfo, encoder: str, settings: EncoderSettings, pixel_format: str | None
    ) -> None:
        size = (info.width, info.height)
        self.pixel_format = pixel_format or choose_pixel_format(encoder, *size, even=settings.even)
        self.colour = info.colour.for_upright(info.stored_size, size, info.pixel_format)
        self.options = {"chroma_sample_location": CHROMA_LOCATIONS[LEFT]}
        self.notes: list[str] = []
        self.fields = ""
        self._convert = YuvConverter(*size, self.colour, self.pixel_format)

    def __call__(self, pixels: Picture | Image) -> VideoFrame:
        """The frame of a picture, or of ``(H, W, 3) uint8`` RGB."""
        return self._convert(pixels if isinstance(pixels, np.ndarray) else pixels.rgb8())


class DeepFrames:
    """Makes frames from pictures; in a format of the encoder those are taken as they are.

    Other pictures than those of the video are converted from RGB at the depth of the frames.

    Args:
        info: Metadata of the video.
        encoder: FFmpeg's name of the encoder.
        settings: Settings of the encoder.
        pixel_format: FFmpeg's name of the pixel format; None for that of the pictures, or the
            nearest.

    Attributes:
        pixel_format: FFmpeg's name of the pixel format.
        colour: Colour tags to write.
        options: Options of the encoder that go with it.
        notes: Lines about what the frames do not have of the pictures; complete at the end.
        fields: Order of the fields, as in ``VideoInfo``.

    Raises:
        MediaError: The encoder does not have the pixel format, or supports even sizes only.
    """

    def __init__(
        self, info: VideoInfo, encoder: str, settings: EncoderSettings, pixel_format: str | None
    ) -> None:
        if pixel_format:
            check_format(encoder, pixel_format)
        self._source = UprightPictures(info).kept
        layout, size = self._source.layout, (info.width, info.height)
        self.pixel_format = pixel_format or choose_deep_format(
            encoder, layout, *size, even=settings.even
        )
        self._kept = pixel_layout(self.pixel_format)
        self.colour = _colour(info, self._kept.kind == "rgb")
        self.notes = format_losses(encoder, self._kept, layout)
        self._place = self._source.place if layout.kind == "yuv" else LEFT
        self._moves = (
            layout.kind == "yuv"
            and self._kept.down == 2
            and CHROMA_LOCATIONS[self._place] not in _USUAL
            and encoder not in _PLACING
        )
        if self._moves:
            self._place = LEFT
        self.options: dict[str, str] = {}
        if info.tells_chroma or layout.kind != "yuv":
            self.options["chroma_sample_location"] = CHROMA_LOCATIONS[self._place]
        self.fields = info.fields
        self._keep_fields(info, encoder)
        self._stored = PictureFormat(*size, self._kept.planar, self.colour, self._place)
        self._scaler = VideoReformatter()
        self._left: FrameFilter | None = None
        self._marked: FrameFilter | None = None
        self._transparent = False

    def _keep_fields(self, info: VideoInfo, encoder: str) -> None:
        if not info.fields:
            return
        # In 4:2:0 each field needs an even number of rows.
        if encoder in _CODING_FIELDS and info.height % (2 * self._kept.down) == 0:
            self.options["flags"] = "+ildct+ilme"
        else:
            self.notes.append(
                f"{encoder} codes the fields of interlaced video as whole frames; their order is"
                " marked in the container"
            )

    def __call__(self, pixels: Picture | Image) -> VideoFrame:
        """The frame of a picture, or of ``(H, W, 3) uint8`` RGB."""
        if not isinstance(pixels, VideoPicture):
            picture = RgbPicture(pixels) if isinstance(pixels, np.ndarray) else pixels
            self._watch(picture)
            frame = stored_picture(picture, self._stored).frame
            return self._with_fields(self._reformat(frame, self.pixel_format))
        self._watch(pixels)
        frame = pixels.frame
        if self._moves:
            frame = self._at_left(self._reformat(frame, self._source.dense))
        elif self._source.layout.kind == "rgb" != self._kept.kind:
            frame = self._at_left(frame)
        frame = self._reformat(frame, self.pixel_format)
        # Encoders would repeat the decisions of the one that the video was encoded with.
        frame.pict_type = PictureType.NONE
        return frame

    def _at_left(self, frame: VideoFrame) -> VideoFrame:
        """The frame, from which chroma is then placed at the left."""
        self._left = self._left or FrameFilter(frame, _LEFT)
        return self._left(frame)

    def _with_fields(self, frame: VideoFrame) -> VideoFrame:
        """The frame of a computed picture, which says which of its fields is the first one."""
        if not self.fields:
            return frame
        self._marked = self._marked or FrameFilter(frame, [("setfield", f"mode={self.fields}")])
        return self._marked(frame)

    def _reformat(self, frame: VideoFrame, name: str) -> VideoFrame:
        if frame.format.name == name:
            return frame
        to_yuv = frame.format.is_rgb and self._kept.kind != "rgb"
        matrix = self.colour.effective_matrix(self._source.width, self._source.height)
        own = self.colour.effective_range(name)
        known = self._source.colour if self._kept.kind == "rgb" else self.colour
        before = FULL if frame.format.is_rgb else known.effective_range(frame.format.name)
        return self._scaler.reformat(
            frame,
            format=name,
            src_color_range=before,
            dst_color_range=own,
            dst_colorspace=matrix if to_yuv else None,
            interpolation=EXACT if self._kept.across == 1 else EXACT_DOWN,
            threads=THREADS,
        )

    def _watch(self, picture: Picture) -> None:
        if picture.alpha is None or self._kept.alpha or self._transparent:
            return
        if int(picture.alpha.min()) < 2**picture.bits - 1:
            self._transparent = True
            self.notes.append(f"transparency was dropped: {ALPHA_HINT}")


def _colour(info: VideoInfo, as_rgb: bool) -> ColourTags:
    if as_rgb:
        return replace(info.colour, matrix=RGB, range=FULL)
    size = (info.width, info.height)
    colour = info.colour.for_upright(info.stored_size, size, info.pixel_format)
    full = info.colour.effective_range(info.pixel_format) == FULL
    return replace(colour, range=FULL) if full and info.pixel_format.startswith("yuv") else colour
