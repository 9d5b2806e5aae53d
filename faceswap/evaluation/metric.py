"""What is measured: the name of each number, which direction is good, and what it says."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One number.

    Attributes:
        name: Key in the JSON report.
        title: Head of its column.
        unit: What it is counted in; "" for shares and correlations.
        better: Which values are good: high ones, low ones, or those near zero.
        digits: Decimals that are shown.
        meaning: What it says, in a sentence.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower", "zero"]
    digits: int
    meaning: str

    @property
    def direction(self) -> str:
        """Which direction is good, in words."""
        return {"higher": "higher is better", "lower": "lower is better"}.get(
            self.better, "nearest 0 is best"
        )

    def show(self, value: float | None) -> str:
        """The value as text; a dash when there is none."""
        return "–" if value is None or value != value else f"{value:.{self.digits}f}"


_METRICS = (
    Metric("face_found", "face found", "", "higher", 2,
           "Share of the frames in which the detector finds a face where it should be."),
    Metric("similarity_target", "like target", "", "higher", 2,
           "Cosine between the embeddings of the frame's face and of the target (mean of real "
           "faces): about .8 for one person, .1 for two."),
    Metric("similarity_source", "like source", "", "lower", 2,
           "Cosine between the embeddings of the face after and before, in the same frame: 1 when "
           "nothing is changed."),
    Metric("retrieval", "taken for target", "", "higher", 2,
           "Share of the frames whose face is nearer to the target than to any other known "
           "person, the source included."),
    Metric("pitch_error", "pitch", "°", "lower", 1,
           "Mean difference of the head's nod before and after, by the mesh of nose and eyes."),
    Metric("yaw_error", "yaw", "°", "lower", 1,
           "Mean difference of the head's turn before and after."),
    Metric("roll_error", "roll", "°", "lower", 1,
           "Mean difference of the head's tilt before and after."),
    Metric("pitch_offset", "pitch offset", "°", "zero", 1,
           "Mean of the nod after minus before: the constant part of its error, which comes from "
           "the shape of the other face."),
    Metric("yaw_offset", "yaw offset", "°", "zero", 1,
           "The same of the turn."),
    Metric("roll_offset", "roll offset", "°", "zero", 1,
           "The same of the tilt."),
    Metric("pitch_error_flat", "pitch, 68 points", "°", "lower", 1,
           "The nod by a camera fitted to the 68 flat landmarks: moves with the mouth too."),
    Metric("yaw_error_flat", "yaw, 68 points", "°", "lower", 1,
           "The turn by the same fit."),
    Metric("roll_error_flat", "roll, 68 points", "°", "lower", 1,
           "The tilt by the same fit."),
    Metric("expression_error", "expression", "", "lower", 3,
           "Mean distance of the inner landmarks before and after, brought to one place, size and "
           "tilt, over the distance of the outer corners of the eyes. Other people have other "
           "faces: a perfect swap is not 0."),
    Metric("movement_error", "movement", "", "lower", 3,
           "The same for what moves: head turned to the front in 3D, each person's mean face taken "
           "off. 0 is perfect for any two people."),
    Metric("mouth_follows", "mouth follows", "", "higher", 2,
           "Correlation of the opening of the mouth before and after."),
    Metric("lids_follow", "lids follow", "", "higher", 2,
           "Correlation of the opening of the eyes before and after."),
    Metric("gaze_follows", "gaze follows", "", "higher", 2,
           "Correlation of where the pupils stand from left to right before and after; weak with "
           "small faces and glasses."),
    Metric("mask_iou", "mask overlap", "", "higher", 3,
           "Intersection over union of the face's mask before and after."),
    Metric("jitter", "jitter", "‰", "zero", 2,
           "Tremble of nose and corners of the eyes (mean second difference in time, per mille of "
           "the distance of the eyes' outer corners) beyond the source's own; below 0: steadier."),
    Metric("flicker", "flicker", "ΔE", "zero", 2,
           "Change of the face's mean colour (second difference in time, CIELAB) beyond the "
           "source's own."),
    Metric("seam", "seam", "levels", "lower", 1,
           "Step of brightness across the most visible outline near the edge of the mask, beyond "
           "the steps inside and outside of it and the source's own; of 255."),
    Metric("background_max", "background", "levels", "lower", 0,
           "Largest change of a pixel outside of the face; 0 before encoding."),
    Metric("background_mean", "background mean", "levels", "lower", 2,
           "Mean change of the pixels outside of the face."),
    Metric("codec_mean", "codec", "levels", "lower", 2,
           "Mean change far away from the face, which encoding alone has done: what the background "
           "may have."),
    Metric("psnr", "PSNR", "dB", "higher", 1,
           "Held-out faces drawn as themselves: peak signal to noise ratio inside the mask."),
    Metric("ssim", "SSIM", "", "higher", 3,
           "The same: structural similarity inside the mask; 1 is perfect."),
    Metric("ms_ssim", "MS-SSIM", "", "higher", 3,
           "The same: structural similarity over several scales, the outside of the mask equal."),
    Metric("lpips", "LPIPS", "", "lower", 3,
           "The same: distance of the features of AlexNet (Zhang et al., 2018), the outside of the "
           "mask equal; 0 is perfect."),
    Metric("frames_missing", "frames missing", "", "zero", 0,
           "Frames of the source minus frames of the output."),
    Metric("time_error", "time error", "ms", "lower", 3,
           "Largest difference of the time stamps of a frame before and after."),
    Metric("sound_packets_equal", "sound packets", "", "higher", 3,
           "Share of the packets of sound that are equal bit by bit; 1 when sound was copied."),
    Metric("sound_error", "sound error", "", "lower", 4,
           "Largest difference of the decoded samples of sound, of 1; 0 when they are equal."),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
"""All of them, in the order in which they are shown."""

RECONSTRUCTION = ("psnr", "ssim", "ms_ssim", "lpips")
FILE = ("frames_missing", "time_error", "sound_packets_equal", "sound_error")
"""What is measured once for a file, not frame by frame."""
