"""Settings of the tracker."""

from dataclasses import dataclass
from typing import Literal

Pass = Literal["none", "whole", "tiles"]
"""A detection pass: on the whole frame, or on its tiles as well."""


@dataclass(frozen=True)
class TrackerSettings:
    """Detection interval, and thresholds for starting and ending tracks.

    Attributes:
        detect_every: Frames from one scheduled detection pass to the next.
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
        turned_every: Frames from one search for turned heads to the next while nobody is there, at
            least ``detect_every``.
        tiles_every: Frames from one search on tiles to the next, at least ``detect_every``.
        min_similarity: Correlation of consecutive frames, in [-1, 1], below which there is a cut;
            all faces after it get new tracks. Typically under 0.3 at cuts and over 0.7 elsewhere.
        batch: Scheduled detection passes that run as one batch where frames are known ahead. The
            faces do not depend on it.
        step: Frames of the video from one tracked frame to the next. From ``detect_every`` on,
            landmarks searched where a face was end up on hands and necks: each frame has a
            detection pass, and ``tiles_every`` and ``turned_every`` count frames of the video.
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
    batch: int = 1
    step: int = 1

    @property
    def follows(self) -> bool:
        """Whether faces are followed from frame to frame, with detection passes now and then."""
        return self.step < self.detect_every

    def scheduled_pass(self, position: int) -> Pass:
        """The detection pass that is due at a frame, whatever happened in the frames before.

        Args:
            position: Number of the frame among those of its video that are tracked, from 0.
        """
        if self.follows and position % self.detect_every:
            return "none"
        return "tiles" if self._comes_round(position, self.tiles_every) else "whole"

    def searches_turned(self, position: int) -> bool:
        """Whether a scheduled pass also searches turned frames if nobody is there."""
        scheduled = self.scheduled_pass(position) != "none"
        return scheduled and self._comes_round(position, self.turned_every)

    def _comes_round(self, position: int, every: int) -> bool:
        """Whether a scheduled pass is the first one in its span of ``every`` frames."""
        if self.follows:
            return position % every < self.detect_every
        return position * self.step % every < self.step
