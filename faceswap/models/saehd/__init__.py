"""The families ``df`` and ``liae`` of DeepFaceLab's SAEHD."""

from faceswap.models.saehd.network import df, liae

__all__ = ["df", "liae"]
