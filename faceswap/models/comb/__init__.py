"""The family ``comb``: one encoder and a decoder per identity, grown level by level."""

from faceswap.models.comb.network import comb

__all__ = ["comb"]
