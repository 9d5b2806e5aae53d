"""Renders closing eyes and an opening mouth on a portrait.

A smooth warp cannot separate lids or lips. The image is therefore cut along the lid or lip, and the
moving part slides over a background layer (eyeball, teeth, mouth cavity). Every layer is a backward
map within columns: output row -> row of the portrait.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from faceswap.demonstration.talking_head.head_surface import smoothstep

_UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
_LOWER_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)
_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_CAVITY, _TONGUE = np.array([[48, 16, 14], [140, 62, 60]], np.float32)
_GUMS, _TEETH = np.array([[96, 44, 36], [222, 200, 172]], np.float32)


def _curve(points: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Height of a smooth line through mesh points ``(K, 2)`` at each column, ``(W,) float32``."""
    order = np.argsort(points[:, 0])
    heights = np.interp(columns, points[order, 0], points[order, 1]).astype(np.float32)
    width = float(np.ptp(points[:, 0]))
    return cv2.GaussianBlur(heights[None], (0, 0), 0.05 * width, borderType=cv2.BORDER_REPLICATE)[0]


@dataclass(frozen=True)
class Region:
    """A rectangle of the portrait and its pixel coordinates.

    Attributes:
        rows: Rows of the portrait.
        columns: Columns of the portrait.
        x: Column indices, ``(1, W) float32``.
        y: Row indices, ``(H, 1) float32``.
    """

    rows: slice
    columns: slice
    x: np.ndarray
    y: np.ndarray

    @classmethod
    def around(cls, low: np.ndarray, high: np.ndarray, shape: tuple[int, ...]) -> "Region":
        """The smallest pixel rectangle that contains a box (x, y), clipped to the image."""
        x0, y0 = (max(0, int(np.floor(value))) for value in low)
        x1 = min(shape[1], int(np.ceil(high[0])) + 1)
        y1 = min(shape[0], int(np.ceil(high[1])) + 1)
        x = np.arange(x0, x1, dtype=np.float32)[None]
        y = np.arange(y0, y1, dtype=np.float32)[:, None]
        return cls(slice(y0, y1), slice(x0, x1), x, y)

    def sample(self, image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Sample the portrait at coordinates broadcast to the region, ``(H, W, 3) float32``."""
        shape = (self.y.shape[0], self.x.shape[1])
        x, y = (np.ascontiguousarray(np.broadcast_to(v, shape), np.float32) for v in (x, y))
        return cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(
            np.float32
        )


def _over(top: np.ndarray, bottom: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return bottom + (top - bottom) * alpha[..., None]


def _layered(
    upper: np.ndarray, inside: np.ndarray, lower: np.ndarray, above: np.ndarray, below: np.ndarray
) -> np.ndarray:
    """Blend three layers; ``above`` and ``below`` are signed distances into the outer two, px."""
    # Where the two edges touch, partly covered pixels must not show the inner layer.
    open_fraction = np.clip(-(above + below), 0, 1)
    blended = _over(lower, inside, 1 - (1 - np.clip(below + 0.5, 0, 1)) * open_fraction)
    return _over(upper, blended, np.clip(above + 0.5, 0, 1))


class Eye:
    """Renders one eye of a portrait.

    Args:
        image: Portrait, ``(H, W, 3) uint8 RGB``.
        mesh: Mesh points, ``(478, 2)`` in pixels.
        side: 0 for the eye at image left, 1 for the eye at image right.
    """

    def __init__(self, image: np.ndarray, mesh: np.ndarray, side: int) -> None:
        upper, lower = mesh[list(_UPPER_LIDS[side])], mesh[list(_LOWER_LIDS[side])]
        ring = np.concatenate([upper, lower])
        low, high = ring.min(0), ring.max(0)
        self.width = float(high[0] - low[0])
        self.region = Region.around(low - 0.6 * self.width, high + 0.6 * self.width, image.shape)
        columns = self.region.x[0]
        self.upper, self.lower = _curve(upper, columns), _curve(lower, columns)
        # 0 beyond the corners, where the lids meet.
        along = np.clip((columns - low[0]) / self.width, 0, 1)
        self.taper = smoothstep(4 * along) * smoothstep(4 * (1 - along))
        gap = np.maximum(self.lower - self.upper, 0)
        self.gap = gap * self.taper

    def render(self, canvas: np.ndarray, portrait: np.ndarray, blink: float, gaze: float) -> None:
        """Render the eye into ``canvas``; ``blink`` is 0 to 1, ``gaze`` is -1 to 1."""
        region, blink = self.region, float(np.clip(blink, 0, 1))
        # The lids meet low: the upper lid moves most of the way.
        down, up = 0.86 * blink * self.gap, 0.14 * blink * self.gap
        margin, floor = self.upper + down, self.lower - up
        band, fold = 0.07 * self.width, 0.22 * self.width
        lid = _slide(margin - region.y, down, band, fold)
        cheek = _slide(region.y - floor, up, band, fold)
        ball = region.sample(portrait, region.x - 0.07 * self.width * gaze * self.taper, region.y)
        # The lid casts a shadow on the eyeball below it.
        shade = 1 - 0.35 * blink * np.exp(-((region.y - margin) / (0.12 * self.width)))
        ball = ball * np.clip(shade, 0, 1)[..., None]
        bottom = region.sample(portrait, region.x, self.lower + cheek)
        top = region.sample(portrait, region.x, self.upper - lid)
        lash = np.exp(-(((margin - region.y) / (0.035 * self.width)) ** 2))
        top = top * (1 - 0.4 * min(2 * blink, 1.0) * lash * self.taper)[..., None]
        eye = _layered(top, ball, bottom, margin - region.y, region.y - floor)
        canvas[region.rows, region.columns] = np.clip(eye + 0.5, 0, 255).astype(np.uint8)


def _slide(distance: np.ndarray, moved: np.ndarray, band: float, fold: float) -> np.ndarray:
    """Map distance from the moved lid edge to distance from the lid edge in the portrait.

    The band at the edge (lashes) keeps its size, the skin between band and fold is stretched, and
    nothing moves beyond the fold.
    """
    stretch = (fold - band) / (fold - band + moved)
    skin = band + (distance - band) * stretch
    return np.where(distance < band, distance, np.where(skin < fold, skin, distance - moved))


class Mouth:
    """Renders mouth and jaw of a portrait.

    Args:
        image: Portrait, ``(H, W, 3) uint8 RGB``.
        mesh: Mesh points, ``(478, 2)`` in pixels.
        unit: Face size in pixels.
    """

    def __init__(self, image: np.ndarray, mesh: np.ndarray, unit: float) -> None:
        upper, lower = mesh[list(_UPPER_LIP)], mesh[list(_LOWER_LIP)]
        self.unit, self.width = unit, float(np.ptp(upper[:, 0]))
        self.left, chin = float(upper[:, 0].min()), mesh[152]
        middle = (upper[0] + upper[-1]) / 2
        self.region = Region.around(
            np.array([middle[0] - 0.75 * unit, mesh[2, 1]]),
            np.array([middle[0] + 0.75 * unit, chin[1] + 0.62 * unit]),
            image.shape,
        )
        columns = self.region.x[0]
        self.upper, self.lower = _curve(upper, columns), _curve(lower, columns)
        along = np.clip((columns - self.left) / self.width, 0, 1) * 2 - 1
        self.along = along
        self.taper = np.clip(1 - along**2, 0, 1).astype(np.float32)
        gap = np.maximum(self.lower - self.upper, 0) * smoothstep(6 * (1 - np.abs(along)))
        self.bares_teeth = float(gap.max()) > 0.03 * unit
        if not self.bares_teeth:
            self.upper, gap = (self.upper + self.lower) / 2, np.zeros_like(gap)
        self.lower, self.gap = self.upper + gap, gap
        # Weight of jaw motion: 1 at the chin, 0 at ears and collar.
        across = np.abs(self.region.x - chin[0]) / (0.5 * unit)
        below = (self.region.y - chin[1]) / (0.55 * unit)
        self.jaw = (1 - smoothstep((across - 0.35) / 0.9)) * (1 - smoothstep(below))

    def render(self, canvas: np.ndarray, portrait: np.ndarray, opening: float) -> None:
        """Render the mouth into ``canvas``: 1 wide open, 0 as in the portrait, -1 lips closed."""
        region, unit = self.region, self.unit
        drop = 0.15 * unit * max(opening, 0.0) + float(self.gap.max()) * min(opening, 0.0)
        lift = 0.12 * max(drop, 0.0)
        edge = self.lower + np.maximum(drop * self.taper, -self.gap)
        roof = self.upper - lift * self.taper
        # Lips move rigidly; the motion of the cheeks increases with distance.
        ease = smoothstep((region.y - edge) / (0.4 * unit))
        lips = (edge - self.lower) if drop > 0 else np.maximum(drop * self.taper, -self.gap)
        # The top row of the lip mixes with the teeth: skip it when the mouth opens.
        lips = lips - 1.2 * np.clip(edge - self.lower, 0, 1)
        fall = lips * (1 - ease) + drop * ease
        lower = region.sample(portrait, region.x, region.y - fall * self.jaw)
        rise = lift * self.taper * (1 - smoothstep((roof - region.y) / (0.2 * unit)))
        upper = region.sample(portrait, region.x, region.y + rise)
        inside = self._inside(portrait, roof, edge, lift)
        mouth = _layered(upper, inside, lower, roof - region.y, region.y - edge)
        canvas[region.rows, region.columns] = np.clip(mouth + 0.5, 0, 255).astype(np.uint8)

    def _inside(
        self, portrait: np.ndarray, roof: np.ndarray, edge: np.ndarray, lift: float
    ) -> np.ndarray:
        """Layer between the lips: teeth, tongue and cavity, ``(H, W, 3) float32``."""
        region, unit = self.region, self.unit
        depth = np.clip((region.y - roof) / np.maximum(edge - roof, 1), 0, 1)
        dark = _CAVITY * (0.55 + 0.6 * depth[..., None])
        tongue = smoothstep((depth - 0.55) / 0.45) * (1 - self.along**2)
        inside = _over(_TONGUE, dark, 0.75 * tongue)
        if self.bares_teeth:
            source = region.y + lift * self.taper
            teeth = region.sample(portrait, region.x, source)
            # The last row of teeth mixes with the lip: show it only where the lip covers it.
            rim = 2 - 2.5 * np.clip(edge - self.lower, 0, 1)
            return _over(teeth, inside, np.clip(self.lower - source + rim, 0, 1))
        height = 0.045 * unit
        down = (region.y - roof) / height
        shown = np.clip((1 - 0.3 * self.along**2 - down) * height + 0.5, 0, 1)
        clefts = 1 - 0.3 * np.exp(-((np.sin(np.pi * 5 * self.along) / 0.3) ** 2))
        shade = clefts * (1 - 0.6 * self.along**2) * (0.6 + 0.4 * smoothstep(down + 0.2))
        teeth = _over(_TEETH, _GUMS, shade)
        return _over(teeth, inside, 0.9 * shown)
