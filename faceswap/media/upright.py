"""Makes upright pictures at full depth from the decoded frames of a video."""

from dataclasses import replace

from av import VideoFrame
from av.video.reformatter import VideoReformatter

from faceswap.media.filters import CHROMA_LOCATIONS, EXACT, EXACT_DOWN, LEFT, THREADS, FrameFilter
from faceswap.media.orientation import Orientation
from faceswap.media.pixel_layout import PixelLayout, pixel_layout
from faceswap.media.video_info import VideoInfo
from faceswap.media.video_picture import PictureFormat, VideoPicture


class UprightPictures:
    """Makes pictures from decoded frames, all in one size and format.

    Frames in a planar format are taken as they are. They are rotated and mirrored in their own
    values where chroma stays at a place that files can describe, and otherwise with chroma at the
    resolution of the pixels.

    Args:
        info: Metadata of the video.

    Attributes:
        kept: Storage of the pictures.
    """

    def __init__(self, info: VideoInfo) -> None:
        self._stored, orientation, colour = info.stored_size, info.orientation, info.colour
        layout = pixel_layout(info.pixel_format)
        self._planar = layout.planar
        self._matrix = colour.effective_matrix(*self._stored)
        self._range = colour.effective_range(info.pixel_format)
        self._scaler = VideoReformatter()
        turned = _turned(layout, orientation, self._stored, info.chroma)
        self._through_dense = turned is None
        self._filters = [
            *[("transpose", "cclock_flip")] * orientation.transpose,
            *[("hflip", "")] * orientation.flip_x,
            # vflip only reverses the order of rows in memory; a copy lays them out anew.
            *[("copy", ""), ("vflip", "")] * orientation.flip_y,
        ]
        self._upright = (info.width, info.height)
        if self._filters:
            location = CHROMA_LOCATIONS[turned or LEFT]
            self._filters.append(("setparams", f"chroma_location={location}"))
        self._turn: FrameFilter | None = None
        known = replace(colour, matrix=self._matrix, range=self._range)
        self.kept = PictureFormat(*self._upright, self._planar, known, turned or LEFT)

    def __call__(self, frame: VideoFrame) -> VideoPicture:
        """The picture of a frame, which may share its values."""
        if frame.planes[0].line_size < 0:  # rows in reverse, of which PyAV shows other memory
            frame = FrameFilter(frame, [("copy", "")])(frame)
        if not frame.format.is_rgb:
            frame.colorspace, frame.color_range = self._matrix, self._range
        if self._through_dense:
            frame = self._reformat(frame, self._stored, self.kept.dense, EXACT)
        else:
            frame = self._reformat(frame, self._stored, self._planar, EXACT)
        if self._filters:
            self._turn = self._turn or FrameFilter(frame, self._filters)
            frame = self._turn(frame)
        return VideoPicture(
            self._reformat(frame, self._upright, self._planar, EXACT_DOWN), self.kept
        )

    def _reformat(
        self, frame: VideoFrame, size: tuple[int, int], name: str, interpolation: int
    ) -> VideoFrame:
        if (frame.width, frame.height) == size and frame.format.name == name:
            return frame
        return self._scaler.reformat(
            frame,
            *size,
            name,
            src_color_range=self._range,
            dst_color_range=self._range,
            interpolation=interpolation,
            threads=THREADS,
        )


def _turned(
    layout: PixelLayout,
    orientation: Orientation,
    stored: tuple[int, int],
    place: tuple[float, float],
) -> tuple[float, float] | None:
    """Place of chroma in upright pictures; None if no file format can describe it."""
    axes = [(stored[0], layout.across, place[0]), (stored[1], layout.down, place[1])]
    if orientation.transpose:
        if layout.across != layout.down:
            return None
        axes.reverse()
    flips = (orientation.flip_x, orientation.flip_y)
    across, down = (
        _mirrored(*axis) if flip else axis[2] for axis, flip in zip(axes, flips, strict=True)
    )
    found = (across, down)
    if layout.across != layout.down and found != place:
        return None  # only of 4:2:0 can it be described
    return found if found in CHROMA_LOCATIONS else None


def _mirrored(size: int, shared: int, place: float) -> float:
    if shared == 1:
        return place
    return -place if size % 2 else 1 - place
