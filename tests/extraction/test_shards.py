"""Shards of an extraction's sources."""

import pytest

from faceswap.core.errors import ConfigError
from faceswap.extraction.shards import of_shard, parse_shard


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_shards_are_every_source_once(shards):
    sources = list("abcde")
    found = [of_shard(sources, parse_shard(f"{n}/{shards}")) for n in range(1, shards + 1)]
    assert sorted(name for each in found for name in each) == sources
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "-1/2", "1/0", "1/2/3", ""])
def test_other_texts_are_refused(text):
    with pytest.raises(ConfigError, match="--shard I/N"):
        parse_shard(text)
