"""Captions on images."""

import cv2

from faceswap.media.frame import Image


def titled(image: Image, title: str) -> Image:
    """A copy with a line of text on a dark bar at its lower edge."""
    image = image.copy()
    height, width = image.shape[:2]
    bar = max(14, width // 18)
    image[height - bar :] //= 3
    scale = bar / 34
    (across, up), _ = cv2.getTextSize(title, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    scale *= min(1.0, 0.96 * width / max(across, 1))
    spot = (round(0.02 * width), height - (bar - up) // 2 - 1)
    white = (255, 255, 255)
    cv2.putText(image, title, spot, cv2.FONT_HERSHEY_SIMPLEX, scale, white, 1, cv2.LINE_AA)
    return image
