"""Face recognition networks; importing this package fills the registry."""

from faceswap.recognizers import mobilefacenet
from faceswap.recognizers.registry import Recognizer, build_recognizer, recognizers

__all__ = ["Recognizer", "build_recognizer", "mobilefacenet", "recognizers"]
