"""From footage to a faceset: frames, detections, landmarks, aligned crops, and a choice of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure, show_image, split_figure, tile
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from faceswap.demonstration.talking_head.clip import DEMO_IDENTITIES, animate, find_mesh
from faceswap.demonstration.talking_head.motion import generate_gestures
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.geometry.expression import mouth_opening
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter
from faceswap.models.reference_choice import k_centres

_SIZE, _CROP = 288, 192
_FPS = 8  # few frames, and yet all poses
_BLACK = (0.3, 0.4)  # a cut between two takes
_SOFT = (0.7, 0.85)  # out of focus
_BLUR = 4.0  # pixels
_BLURRED = 0.5  # of the median sharpness
_CHOSEN, _SHOWN_BLURRED = 12, 4
_SPREAD = np.array([25.0, 11.0, 0.4], np.float32)  # of yaw, pitch and the opening of the mouth


@dataclass(frozen=True)
class FacesetTour:
    """A faceset, and what is chosen of it.

    Attributes:
        frames: Number of frames of the clip.
        frames_with_face: Number of frames in which a face was found.
        frame: ``(H, W, 3) uint8`` frame of the face that is turned most.
        box: ``(4,)`` box of its detection: x0, y0, x1, y1 in pixels.
        landmarks: ``(68, 2)`` its landmarks in the frame, in pixels.
        crop: ``(S, S, 3) uint8`` its aligned crop.
        aligned: ``(68, 2)`` its landmarks in the crop, in pixels.
        poses: ``(N, 2)`` yaw and pitch of all faces in degrees.
        mouths: ``(N,)`` opening of the mouth over the distance of the outer eye corners.
        sharpness: ``(N,)`` variance of the Laplacian of each face.
        blurred: ``(N,)`` whether a face is rejected as blurred.
        chosen: Indices of faces that cover the poses and mouths of all that are kept.
        crops: ``(len(chosen), S, S, 3) uint8`` their crops.
        rejected: ``(M, S, S, 3) uint8`` crops of some blurred faces.
    """

    frames: int
    frames_with_face: int
    frame: NDArray[np.uint8]
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    crop: NDArray[np.uint8]
    aligned: NDArray[np.floating]
    poses: NDArray[np.float32]
    mouths: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    blurred: NDArray[np.bool_]
    chosen: NDArray[np.int64]
    crops: NDArray[np.uint8]
    rejected: NDArray[np.uint8]


def compute(
    seed: int = 0, frames: int = 120, on_progress: Callable[[float], None] = no_progress
) -> FacesetTour:
    """Films a portrait with a cut and a stretch out of focus, and extracts its faces.

    Args:
        seed: Seed of the motion.
        frames: Number of frames.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        WeightsUnavailable: The weights of the face detector are not on this machine.
    """
    with TemporaryDirectory() as name:
        clip, folder = Path(name) / "clip.mp4", Path(name) / "faces"
        images = _film(clip, frames, seed)
        on_progress(0.6)
        (source,) = find_sources([clip])
        report = extract_source(
            source, folder, ExtractSettings(crop_size=_CROP, fill_gaps=0), device="cpu"
        )
        on_progress(0.4)
        faceset = Faceset.open(folder)
        return _tour(faceset, faceset.trainable(), images, report.frames_with_face)


def _film(clip: Path, frames: int, seed: int) -> list[NDArray[np.uint8]]:
    person = DEMO_IDENTITIES[0]
    gestures = generate_gestures(frames, seed, _FPS)
    head = animate(person.load(), find_mesh(person, "cpu"), gestures, _SIZE)
    images = [_spoilt(image, index / frames) for index, image in enumerate(head)]
    with VideoWriter(clip, VideoInfo.for_new(_SIZE, _SIZE, _FPS)) as writer:
        for index, image in enumerate(images):
            writer.write(image, index)
    return images


def _spoilt(image: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
    if _BLACK[0] <= time < _BLACK[1]:
        return np.zeros_like(image)
    if _SOFT[0] <= time < _SOFT[1]:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), _BLUR), np.uint8)
    return image


def _tour(
    faceset: Faceset, faces: list[Face], images: list[NDArray[np.uint8]], with_face: int
) -> FacesetTour:
    poses = np.array([(face.yaw, face.pitch) for face in faces], np.float32)
    mouths = np.array([mouth_opening(face.landmarks) for face in faces], np.float32)
    sharpness = np.array([face.sharpness for face in faces], np.float32)
    blurred = sharpness < _BLURRED * np.median(sharpness)
    kept = np.flatnonzero(~blurred)
    vectors = np.column_stack([poses, mouths]) / _SPREAD
    chosen = kept[k_centres(vectors[kept], _CHOSEN)]
    chosen = chosen[np.argsort(poses[chosen, 0])]
    first = faces[kept[np.abs(poses[kept, 0]).argmax()]]
    soft = np.flatnonzero(blurred)[:: max(1, int(blurred.sum()) // _SHOWN_BLURRED)]
    return FacesetTour(
        len(images),
        with_face,
        images[first.frame],
        first.box,
        first.landmarks,
        faceset.load_crop(first),
        transform_points(first.matrix, first.landmarks),
        poses,
        mouths,
        sharpness,
        blurred,
        chosen,
        np.stack([faceset.load_crop(faces[index]) for index in chosen]),
        np.array([faceset.load_crop(faces[index]) for index in soft[:_SHOWN_BLURRED]], np.uint8),
    )


def describe(result: FacesetTour) -> list[str]:
    """Describe the counts, the range of poses, and the choice."""
    kept = ~result.blurred
    yaw, pitch = result.poses[kept].T
    vectors = np.column_stack([result.poses, result.mouths]) / _SPREAD
    gaps = np.linalg.norm(vectors[kept][:, None] - vectors[result.chosen], axis=2).min(1)
    return [
        f"{result.frames} frames, a face in {result.frames_with_face}: {len(kept)} faces",
        f"{result.blurred.sum()} rejected as blurred: less than half of the median sharpness",
        f"Poses of the {kept.sum()} others: yaw {yaw.min():+.0f} to {yaw.max():+.0f} degrees, "
        f"pitch {pitch.min():+.0f} to {pitch.max():+.0f} degrees; mouth opening "
        f"{result.mouths[kept].min():.2f} to {result.mouths[kept].max():.2f} eye distances",
        f"{len(result.chosen)} of them cover these poses: no face is farther from the nearest of "
        f"them than {_SPREAD[0] * gaps.max():.0f} degrees of yaw, or as much of the rest",
    ]


def plot(result: FacesetTour) -> Figure:
    """Plot the steps of the extraction and the poses above, and the chosen crops below."""
    figure = new_figure(6.0)
    steps, sheet = split_figure(figure, 1.0)
    found, aligned, poses = steps.subplots(1, 3)
    show_image(found, result.frame, say("1. detection, landmarks", "1. détection, repères"))
    x0, y0, x1, y1 = result.box
    found.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color=ORANGE, linewidth=2))
    found.plot(*result.landmarks.T, ".", color=BLUE, markersize=2.5)
    side = len(result.crop)
    show_image(
        aligned,
        result.crop,
        say("2. aligned crop, {} px", "2. visage aligné, {} px").format(side),
    )
    aligned.plot(*result.aligned.T, ".", color=BLUE, markersize=2.5)
    _plot_poses(poses, result)
    chosen, rejected = sheet.subplots(1, 2, width_ratios=(6, 2))
    show_image(
        chosen,
        tile(result.crops, 6, gap=4, fill=255),
        say("4. {} crops that cover these poses", "4. {} visages qui couvrent ces poses").format(
            len(result.crops)
        ),
    )
    if len(result.rejected):
        title = say("{} rejected as blurred", "{} écartés, car flous")
        show_image(
            rejected,
            tile(result.rejected, 2, gap=4, fill=255),
            title.format(number(result.blurred.sum())),
        )
    else:
        rejected.set_axis_off()
    return figure


def _plot_poses(axes: Axes, result: FacesetTour) -> None:
    kept, chosen = ~result.blurred, result.chosen
    axes.plot(*result.poses[kept].T, ".", color=GREY, label=say("kept", "gardés"))
    axes.plot(*result.poses[~kept].T, "x", color=ORANGE, label=say("blurred", "flous"))
    axes.plot(
        *result.poses[chosen].T,
        "o",
        markerfacecolor="none",
        color=BLUE,
        label=say("chosen", "choisis"),
    )
    axes.set_title(say("3. head poses", "3. poses de la tête"), loc="center")
    axes.set(xlabel=say("yaw (°)", "lacet (°)"), ylabel=say("pitch (°)", "tangage (°)"))
    axes.legend(loc="best", handletextpad=0.2, fontsize=7.5)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "A faceset holds what was found in each frame: the landmarks decide how a face is turned "
        "upright and cut out. Blurred faces teach a network blur and are left out; of the others, "
        "variety of poses and expressions counts more than their number.",
        "Un jeu de visages contient ce qui a été trouvé dans chaque image : les repères décident "
        "comment un visage est redressé et découpé. Les visages flous apprendraient le flou au "
        "réseau et sont écartés ; pour les autres, la variété compte plus que le nombre.",
    ),
    synthetic=True,
)
