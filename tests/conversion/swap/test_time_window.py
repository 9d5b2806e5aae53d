import weakref
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.swap.decoded_face import DecodedFace
from faceswap.conversion.swap.face_cut import FaceCut
from faceswap.conversion.swap.time_window import FrameFaces, look_around
from faceswap.media.frame import Frame

LEAD = 3


def decoded(index: int, track: int) -> DecodedFace:
    """A face whose crops are of the centre (index * (track + 1), 0)."""
    centre = index * (track + 1)
    matrix, picture = np.array([[1.0, 0, -centre], [0, 1, 0]]), np.zeros((8, 8, 3), np.float32)
    points = np.zeros((68, 2))
    face = SourceFace(points, track=track)
    cut = FaceCut(face, index, (90, 160), matrix, 2.0, 8, picture, picture, points, None)
    image, parameters = torch.zeros(3, 8, 8), torch.tensor([1.0, index])
    return DecodedFace(cut, image, image, torch.ones(1, 8, 8), parameters)


def frames(count: int) -> Iterator[FrameFaces]:
    """Frames with two tracks, of which the second is absent from frame 2."""
    for index in range(count):
        tracks = [track for track in (0, 1) if (index, track) != (2, 1)]
        pixels = np.zeros((90, 160, 3), np.uint8)
        yield Frame(index, index, 0.0, pixels), [decoded(index, track) for track in tracks]


def mean(parameters: torch.Tensor, offsets: Sequence[int], radius: int) -> torch.Tensor:
    assert max(map(abs, offsets)) <= radius
    return parameters.mean(0)


def test_each_track_is_averaged_over_the_frames_around():
    seen = list(look_around(frames(6), 2, LEAD, mean))
    assert [frame.index for frame, _ in seen] == list(range(6))
    assert [face.parameters[1].item() for _, faces in seen for face in faces[:1]] == [
        *(1, 1.5, 2, 3, 3.5, 4)
    ]
    of_second = [face.parameters[1].item() for _, faces in seen for face in faces[1:]]
    np.testing.assert_allclose(of_second, [0.5, 4 / 3, 13 / 4, 4, 4])


def test_motion_is_that_between_the_nearest_frames():
    seen = [faces for _, faces in look_around(frames(6), 2, LEAD, mean)]
    assert all(face.motion.tolist() == [face.cut.face.track + 1, 0] for of in seen for face in of)


def test_no_more_frames_and_crops_are_held_than_those_to_come():
    held: list[weakref.ref] = []

    def remembered() -> Iterator[FrameFaces]:
        for frame, faces in frames(20):
            held.extend([weakref.ref(frame), *(weakref.ref(face) for face in faces)])
            yield frame, faces

    most = 0
    for _ in look_around(remembered(), LEAD, LEAD, mean):
        most = max(most, sum(each() is not None for each in held))
    assert most <= 3 * (LEAD + 2)  # a frame and two faces each: those to come, this and the last
