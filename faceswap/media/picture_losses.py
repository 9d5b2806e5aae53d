"""What the frames of a video lose when they become 8-bit RGB."""

from av import VideoFrame

HDR = {16: "PQ", 18: "HLG"}


class PictureLosses:
    """Watches decoded pictures for what frames do not carry.

    Args:
        full_depth: Whether frames keep the depth, fields and opacity of the pictures; otherwise
            they are 8-bit RGB.
    """

    def __init__(self, *, full_depth: bool = False) -> None:
        self._full_depth = full_depth
        self._transparent = False
        self._interlaced = False
        self._bits = 8
        self._transfer = 0
        self._with_alpha: dict[str, bool] = {}  # by pixel format

    def watch(self, picture: VideoFrame) -> None:
        """Looks at the next decoded picture."""
        self._interlaced = self._interlaced or picture.interlaced_frame
        self._transfer = picture.color_trc
        name = picture.format.name
        if name not in self._with_alpha:
            components = picture.format.components
            self._bits = max(self._bits, *(component.bits for component in components))
            alpha = any(component.is_alpha for component in components)
            self._with_alpha[name] = alpha or picture.format.has_palette
        if self._with_alpha[name] and not self._transparent and not self._full_depth:
            self._transparent = bool(picture.to_ndarray(format="rgba")[..., 3].min() < 255)

    def interlacing(self) -> str | None:
        """Line about interlaced pictures, or None."""
        if not self._interlaced:
            return None
        remedy = (
            "with --set encode.deinterlace=true" if self._full_depth else "first (ffmpeg -vf bwdif)"
        )
        return (
            "the video is interlaced and is read as it is stored, two fields in each frame:"
            f" deinterlace it {remedy}"
        )

    def in_conversion(self) -> list[str]:
        """Lines about what a converted video does not have."""
        hdr = HDR.get(self._transfer)
        if self._full_depth:
            return (
                [f"HDR ({hdr}) is not tone mapped: faces are swapped in its own colours"]
                if hdr
                else []
            )
        lines = ["transparency was dropped"] if self._transparent else []
        if hdr:
            lines.append(
                f"HDR ({hdr}) was not tone mapped; {self._bits} bits per channel were reduced to 8"
            )
        elif self._bits > 8:
            lines.append(f"{self._bits} bits per channel were reduced to 8")
        return lines
