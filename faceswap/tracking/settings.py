"""Settings of the tracker."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrackerSettings:
    """Detection interval, and thresholds for starting and ending tracks.

    Attributes:
        detect_every: Frames from one detection pass to the next.
        confirm_score: Detection score in [0, 1] from which a new face is reported at once, if its
            presence suffices too (see ``Landmarker``). Otherwise it must be detected a second time,
            in the next frame. Does not apply where no other face is tracked.
        doubt_score: Detection score below which a new face is compared with itself in other turns:
            a head that lies or hangs upside down may have been taken for an upright one.
        max_lost_frames: Frames after which a lost face is dropped. Until then it keeps its number
            and the detector runs on every frame.
        max_missed_detections: Consecutive detection passes that may miss a face before it is
            dropped.
        turned: When turned frames are searched: "auto" (where nobody is found, and where a head is
            tilted), "always" (with every detection pass) or "never".
        turned_every: Frames from one search for turned heads to the next while nobody is there.
        tiles_every: Frames from one search on tiles to the next.
        min_similarity: Correlation of consecutive frames, in [-1, 1], below which there is a cut;
            all faces after it get new tracks. Typically under 0.3 at cuts and over 0.7 elsewhere.
    """

    detect_every: int = 5
    confirm_score: float = 0.75
    doubt_score: float = 0.85
    max_lost_frames: int = 12
    max_missed_detections: int = 4
    turned: Literal["auto", "always", "never"] = "auto"
    turned_every: int = 25
    tiles_every: int = 50
    min_similarity: float = 0.5
