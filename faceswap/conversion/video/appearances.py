"""What the faces of a video look like around each of its segments when nothing hides them."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from faceswap.conversion.faces.source_faces import FramesWithFaces, SourceFace
from faceswap.conversion.video.segments import Segment
from faceswap.maskers.appearance import Appearance, Values
from faceswap.maskers.face_texture import read_texture
from faceswap.media.frame import Frame

REACH = 250
"""Frames before and after a segment that count: ten seconds at 25 frames/s."""
_EVERY = 10  # frames
_FEWEST = 8  # frames: tracks that are seen in fewer are too short to tell what is unusual


class Appearances:
    """Learns the appearance of the faces of consecutive segments, a little ahead of them.

    A segment's appearances depend on the frames of the video around it alone.

    Args:
        found: Frames with their faces, in order, from ``REACH`` before the first segment on. No
            more are read than are needed.
    """

    def __init__(self, found: FramesWithFaces) -> None:
        self._found = iter(found)
        self._seen: deque[tuple[int, list[tuple[int, Values]]]] = deque()

    def around(self, segment: Segment) -> Mapping[int, Appearance]:
        """Appearance of the face of each track, for the next segment."""
        first, end = segment.first - REACH, segment.end + REACH
        while not self._seen or self._seen[-1][0] < end:
            read = next(self._found, None)
            if read is None:
                break
            frame, faces = read
            if frame.index >= first:
                self._seen.append((frame.index, _colours(frame, faces)))
        while self._seen and self._seen[0][0] < first:
            self._seen.popleft()
        tracks = defaultdict(list)
        for index, faces in self._seen:
            if index < end:
                for track, colours in faces:
                    tracks[track].append(colours)
        return {
            track: Appearance.of(colours)
            for track, colours in tracks.items()
            if len(colours) >= _FEWEST
        }


def sampled(frames: Iterable[Frame]) -> Iterable[Frame]:
    """The frames from which appearances are learnt."""
    return (frame for frame in frames if frame.index % _EVERY == 0)


def _colours(frame: Frame, faces: Sequence[SourceFace]) -> list[tuple[int, Values]]:
    image = frame.displayed()
    return [(face.track, read_texture(image, face.landmarks).colours) for face in faces]
