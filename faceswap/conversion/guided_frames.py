"""Guides the faces of frames that are read once: photos, and frames in memory."""

from collections.abc import Sequence
from itertools import islice

from faceswap.conversion.faces import FramesWithFaces, SourceFace
from faceswap.conversion.guidance import Guidance, Neutral
from faceswap.media.frame import Frame

_WINDOW = 48  # frames whose guides are planned together
_AROUND = 16  # frames before and after them that are planned too, so that windows agree


def guide_photos(found: FramesWithFaces, guidance: Guidance) -> FramesWithFaces:
    """Guides the faces of independent frames."""
    return ((frame, guidance.guide_photo(faces)) for frame, faces in found)


def guide_windows(found: FramesWithFaces, guidance: Guidance) -> FramesWithFaces:
    """Guides the faces of consecutive frames window by window, holding a few dozen frames.

    The neutral mesh of each track is that of the first window which shows it.

    Args:
        found: Consecutive frames with their faces.
        guidance: Guidance of the target identity.
    """
    neutrals: dict[int, Neutral] = {}
    before: list[Sequence[SourceFace]] = []
    waiting: list[tuple[Frame, Sequence[SourceFace]]] = []
    frames = iter(found)
    while True:
        waiting += islice(frames, _WINDOW + _AROUND - len(waiting))
        if not waiting:
            return
        clip = [*before, *(faces for _, faces in waiting)]
        guided = _guide_clip(clip, guidance, neutrals)[len(before) :]
        # After the last window nothing follows.
        end = _WINDOW if len(waiting) == _WINDOW + _AROUND else len(waiting)
        for (frame, _), faces in zip(waiting[:end], guided, strict=False):
            yield frame, faces
        before = [*before, *(faces for _, faces in waiting[:end])][-_AROUND:]
        del waiting[:end]


def _guide_clip(
    clip: Sequence[Sequence[SourceFace]], guidance: Guidance, neutrals: dict[int, Neutral]
) -> list[list[SourceFace]]:
    """Guides the faces of each frame; adds the neutral meshes of new tracks to ``neutrals``."""
    guided: list[list[SourceFace]] = [[] for _ in clip]
    tracks: dict[int, list[tuple[int, SourceFace]]] = {}
    for place, faces in enumerate(clip):
        for face in faces:
            tracks.setdefault(face.track, []).append((place, face))
    for track, members in tracks.items():
        faces = [face for _, face in members]
        if track not in neutrals:
            neutrals[track] = guidance.neutral_of_faces(faces)
        planned = guidance.guide_track(faces, neutrals[track])
        for (place, _), face in zip(members, planned, strict=True):
            guided[place].append(face)
    return guided
