"""The metrics: name, unit, direction and meaning of each."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """Description of one metric.

    Attributes:
        name: Key in ``metrics.json``.
        title: Title in tables and reports.
        unit: Unit; "" for dimensionless values.
        better: Direction of better values: higher, lower, closest to zero or closest to one.
        digits: Number of decimals displayed.
        meaning: Definition in one or two sentences.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower", "zero", "one"]
    digits: int
    meaning: str

    @property
    def direction(self) -> str:
        """Direction of better values, in words."""
        return {
            "higher": "higher is better",
            "lower": "lower is better",
            "zero": "closest to 0 is best",
            "one": "closest to 1 is best",
        }[self.better]

    def format(self, value: float | None) -> str:
        """Format a value for display; a dash for None and NaN."""
        return "–" if value is None or value != value else f"{value:.{self.digits}f}"


_METRICS = (
    Metric("face_found", "face found", "", "higher", 2,
           "Fraction of frames in which the detector finds a face at the expected position."),
    Metric("similarity_target", "similarity to target", "", "higher", 2,
           "Cosine similarity of the identity embeddings of the output face and of the target "
           "(mean of real faces). Two photos of one person: about 0.8; of two people: about 0.1."),
    Metric("similarity_source", "similarity to source", "", "lower", 2,
           "Cosine similarity of the identity embeddings of the output face and the source face "
           "of the same frame; 1 if nothing changed."),
    Metric("retrieval", "ID retrieval", "", "higher", 2,
           "Fraction of frames whose face is closer to the target than to any other identity, "
           "the source included."),
    Metric("identity_drift", "identity drift", "", "lower", 2,
           "Mean distance of the identity embeddings of consecutive frames, over that of the same "
           "frames of the source; 1 is as steady as the source."),
    Metric("sharpness", "sharpness", "", "one", 2,
           "Energy of the fine detail inside the face, over the mean of the target's real faces at "
           "the same size: less than 1 is blur, more is noise."),
    Metric("grain", "grain", "", "one", 2,
           "Noise of the smooth skin over the noise around the face, relative to the same ratio in "
           "the source: less than 1 is smoother than the footage."),
    Metric("pitch_error", "pitch", "°", "lower", 1,
           "Mean absolute difference of head pitch between output and source, from the 3D "
           "landmarks of nose and eye corners."),
    Metric("yaw_error", "yaw", "°", "lower", 1,
           "Mean absolute difference of head yaw between output and source."),
    Metric("roll_error", "roll", "°", "lower", 1,
           "Mean absolute difference of head roll between output and source."),
    Metric("pitch_offset", "pitch offset", "°", "zero", 1,
           "Mean signed pitch difference, output minus source: the constant part of the error, "
           "caused by the different shape of the target's face."),
    Metric("yaw_offset", "yaw offset", "°", "zero", 1,
           "Mean signed yaw difference, output minus source."),
    Metric("roll_offset", "roll offset", "°", "zero", 1,
           "Mean signed roll difference, output minus source."),
    Metric("pitch_error_2d", "pitch, 68 points", "°", "lower", 1,
           "Pitch error by a camera fitted to the 68 2D landmarks; also affected by the mouth."),
    Metric("yaw_error_2d", "yaw, 68 points", "°", "lower", 1,
           "Yaw error by the same camera fit."),
    Metric("roll_error_2d", "roll, 68 points", "°", "lower", 1,
           "Roll error by the same camera fit."),
    Metric("expression_error", "expression", "", "lower", 3,
           "Mean distance of the inner landmarks of output and source after similarity alignment, "
           "in units of the outer eye corner distance. Not 0 for a perfect swap, because the two "
           "people's faces differ."),
    Metric("movement_error", "movement", "", "lower", 3,
           "Mean landmark distance after rotating the head to frontal in 3D and subtracting each "
           "person's mean face; 0 for a perfect swap."),
    Metric("mouth_correlation", "mouth correlation", "", "higher", 2,
           "Correlation of mouth opening between output and source over the frames."),
    Metric("eyelid_correlation", "eyelid correlation", "", "higher", 2,
           "Correlation of eye opening between output and source over the frames."),
    Metric("gaze_correlation", "gaze correlation", "", "higher", 2,
           "Correlation of horizontal pupil position between output and source over the frames; "
           "unreliable for small faces and glasses."),
    Metric("mask_iou", "mask IoU", "", "higher", 3,
           "Intersection over union of the face masks of output and source."),
    Metric("jitter", "jitter", "‰", "zero", 2,
           "Mean second temporal difference of nose and eye corner landmarks in per mille of the "
           "outer eye corner distance, minus that of the source; negative if the output is "
           "smoother."),
    Metric("jitter_ratio", "jitter ratio", "", "one", 2,
           "Mean second temporal difference of the same landmarks over that of the source; 1 is as "
           "steady as the source."),
    Metric("flicker", "flicker", "ΔE", "zero", 2,
           "Mean second temporal difference of the mean face colour (CIELAB), minus that of the "
           "source."),
    Metric("local_flicker", "local flicker", "levels", "lower", 2,
           "Mean deviation of a frame from the mean of its two neighbours, of the difference "
           "between output and source in 4 x 4 cells of the face: flicker of colour and light that "
           "the source does not have, in levels of 255."),
    Metric("seam", "seam", "levels", "lower", 1,
           "Brightness step across the most visible contour near the mask edge, relative to its "
           "surroundings and to the source, in levels of 255."),
    Metric("background_max", "background", "levels", "lower", 0,
           "Largest change of a pixel outside of the face, in levels of 255; 0 before encoding."),
    Metric("background_mean", "background mean", "levels", "lower", 2,
           "Mean change of the pixels outside of the face."),
    Metric("codec_mean", "codec", "levels", "lower", 2,
           "Mean change of the pixels far from the face, caused by encoding alone: the reference "
           "for the background mean."),
    Metric("psnr", "PSNR", "dB", "higher", 1,
           "Reconstruction of held-out faces: peak signal-to-noise ratio inside the mask."),
    Metric("ssim", "SSIM", "", "higher", 3,
           "Reconstruction of held-out faces: structural similarity inside the mask; 1 is "
           "perfect."),
    Metric("ms_ssim", "MS-SSIM", "", "higher", 3,
           "Reconstruction of held-out faces: multi-scale structural similarity, with the original "
           "outside of the mask."),
    Metric("lpips", "LPIPS", "", "lower", 3,
           "Reconstruction of held-out faces: AlexNet feature distance (Zhang et al., 2018), with "
           "the original outside of the mask; 0 is perfect."),
    Metric("frames_missing", "frames missing", "", "zero", 0,
           "Frame count of the source, without what was cut out of it, minus frame count of the "
           "output."),
    Metric("time_error", "timestamp error", "ms", "lower", 3,
           "Largest timestamp difference of a frame between output and source, whose frames follow "
           "each other where others were cut out."),
    Metric("audio_packets_equal", "audio packets equal", "", "higher", 3,
           "Fraction of audio packets that are bit-identical; 1 if the audio was copied."),
    Metric("audio_error", "audio error", "", "lower", 4,
           "Largest difference of the decoded audio samples (full scale is 1); 0 if identical."),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
"""All metrics by name, in display order."""

RECONSTRUCTION_METRICS = ("psnr", "ssim", "ms_ssim", "lpips")
FILE_METRICS = ("frames_missing", "time_error", "audio_packets_equal", "audio_error")
"""Metrics measured once per file."""
