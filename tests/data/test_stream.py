"""Faces read from tar files: the same crops as from the cache of a faceset."""

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from faceswap.core.errors import FacesetError, RemoteError
from faceswap.core.remote import RemoteFolder
from faceswap.curation.packing import Packing
from faceswap.data import shard_store
from faceswap.data.cache import build_cache
from faceswap.data.shard_store import ShardStore
from faceswap.data.source import Sampling
from faceswap.data.stream import FaceStream
from faceswap.data.training_crop import CropGeometry
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.pack import Pack
from faceswap.media.images import write_image
from tests.facesets.written import write_faceset

GEOMETRY = CropGeometry(16, 1.25, 24)
SHADES = {"ann": (220, 170, 140), "ben": (150, 100, 70)}


@pytest.fixture
def facesets(make_faceset, tmp_path):
    paths = [
        make_faceset(tmp_path / "faces" / name, faces=20, shade=shade)
        for name, shade in SHADES.items()
    ]
    (paths[1] / "images" / "000004-0.png").unlink()
    return [Faceset.open(path) for path in paths]


@pytest.fixture
def packs(facesets, tmp_path):
    for faceset in facesets:
        Packing(faceset, tmp_path / "packs" / faceset.path.name, 6).run()
    return tmp_path / "packs"


def streamed(places, tmp_path, window=12):
    packs = [Pack.open(place) for place in places]
    return FaceStream.of_packs(packs, GEOMETRY, tmp_path / "cache" / "crowd-shards", window)


def local(packs, tmp_path):
    return streamed([packs / name for name in SHADES], tmp_path)


@pytest.fixture
def distant(packs, tmp_path, memory, monkeypatch):
    monkeypatch.setattr(shard_store, "_WAITS_S", (0.0, 0.0))
    memory.put(f"{packs}/", "/bucket/packs/", recursive=True)
    return streamed([f"memory://bucket/packs/{name}" for name in SHADES], tmp_path, window=6)


def cached(facesets, tmp_path):
    pairs = [(faceset, face) for faceset in facesets for face in faceset.trainable()]
    return build_cache(tmp_path / "whole", "crowd", pairs, GEOMETRY).cache.open()


def test_crops_are_those_of_the_cache(facesets, packs, tmp_path):
    stream, cache = local(packs, tmp_path), cached(facesets, tmp_path)
    assert stream.starts.tolist() == [0, 6, 12, 18, 20, 25, 31, 37, 39]
    reader = stream.open()
    for index in np.random.default_rng(0).permutation(39):
        np.testing.assert_array_equal(reader[int(index)], cache[index])


def test_stored_masks_are_read(tmp_path):
    faceset = write_faceset(tmp_path / "clip", frames=range(6), maskers=["hull"])
    for number in range(6):
        mask = np.zeros((32, 32), np.uint8)
        mask[8 : 14 + number, 8:24] = 255
        write_image(faceset.path / "masks" / f"{number:06d}-0.png", mask)
    Packing(faceset, tmp_path / "pack", 4).run()
    reader, cache = streamed([tmp_path / "pack"], tmp_path).open(), cached([faceset], tmp_path)
    for index in range(6):
        np.testing.assert_array_equal(reader[index], cache[index])


def test_crops_from_a_url_are_the_same_and_the_disk_stays_bounded(distant, facesets, tmp_path):
    cache, reader = cached(facesets, tmp_path), distant.open()
    training = np.arange(39)
    order = distant.order(Sampling(0, "crowd/0", 4, training))
    largest = 0
    for position in range(2 * 39):
        index = int(training[order.face(*divmod(position, 4))])
        np.testing.assert_array_equal(reader[index], cache[index])
        largest = max(largest, len(list(distant.folder.glob("*.tar"))))
    assert largest <= 6 < len(distant.shards)  # three windows of one or two tar files


def settle():
    """Waits for what is fetched ahead."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "_fetch_ahead" in thread.name:
            thread.join()


def test_the_next_window_is_fetched_ahead(distant):
    order = distant.order(Sampling(0, "crowd/0", 4, np.arange(39)))
    windows = []
    enter = order._on_window
    order._on_window = lambda *found: (windows.append(found), enter(*found))
    order.face(0, 0)
    settle()
    window, _, after = windows[0]
    wanted = {distant.shards[n].key for n in [*window.shards, *after.shards]}
    assert {file.stem for file in distant.folder.glob("*.tar")} == wanted


def test_a_failing_url_is_read_again_and_then_an_error(distant, monkeypatch):
    download, calls = RemoteFolder.download, []

    def failing(self, name, target):
        calls.append(name)
        if len(calls) <= failures:
            raise RemoteError("The connection was reset.")
        download(self, name, target)

    monkeypatch.setattr(RemoteFolder, "download", failing)
    failures = 2
    assert distant.open()[0].shape == (24, 24, 6)
    assert len(calls) == 3
    failures = 100
    with pytest.raises(RemoteError, match="reset"):
        distant.open()[38]
    assert len(calls) == 6


def test_a_damaged_or_replaced_tar_file_is_named(packs, tmp_path):
    stream = local(packs, tmp_path)
    file = packs / "ann" / "ann-000001.tar"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    assert stream.open()[0].any()
    with pytest.raises(FacesetError, match=r"ann-000001.tar, found other content"):
        stream.open()[6]
    file.unlink()
    with pytest.raises(FacesetError, match=r"ann-000001.tar is missing"):
        stream.open()[7]


def test_a_shard_is_fetched_again_when_its_copy_is_damaged(distant, monkeypatch):
    download, calls = RemoteFolder.download, []

    def cut_short(self, name, target):
        download(self, name, target)
        calls.append(name)
        if len(calls) == 1:
            target.write_bytes(target.read_bytes()[:1000])

    monkeypatch.setattr(RemoteFolder, "download", cut_short)
    assert distant.open()[0].any()
    assert len(calls) == 2


def test_kept_faces_need_no_tar_files(packs, facesets, tmp_path):
    cache, counted = cached(facesets, tmp_path), []
    indices = np.array([3, 17, 38])
    stream = local(packs, tmp_path).keep(indices, "crowd", counted.append)
    assert sum(counted) == 3
    shutil.rmtree(packs)
    for index in indices.tolist():
        np.testing.assert_array_equal(stream.open()[index], cache[index])
    assert stream.representatives(np.arange(10, 39), 5).tolist() == [17, 38]
    assert stream.keep(indices, "crowd", counted.append).open()[17].any()
    assert sum(counted) == 3


def cut_short(file, size):
    content = file.read_bytes()
    assert size < len(content)
    file.write_bytes(content[:size])


@pytest.mark.parametrize("size", [0, 50, 3000])  # nothing, half a header, a face or so
def test_kept_faces_that_were_cut_short_are_decoded_again(packs, facesets, tmp_path, size):
    cache, indices = cached(facesets, tmp_path), np.array([3, 17, 38])
    stream = local(packs, tmp_path)
    stream.keep(indices, "crowd")
    (file,) = (tmp_path / "cache").glob("crowd-*.npy")
    cut_short(file, size)
    reader = stream.keep(indices, "crowd").open()
    for index in indices.tolist():
        np.testing.assert_array_equal(reader[index], cache[index])


@pytest.mark.parametrize("size", [0, 50, 200])
def test_places_that_were_cut_short_are_found_again(distant, facesets, tmp_path, size):
    cache = cached(facesets, tmp_path)
    assert distant.open()[0].any()
    (file,) = distant.folder.glob("*.npy")
    cut_short(file, size)
    np.testing.assert_array_equal(replace(distant).open()[3], cache[3])


def test_a_tar_file_that_another_process_removes_is_fetched_again(
    distant, facesets, tmp_path, monkeypatch
):
    cache, load, removed = cached(facesets, tmp_path), np.load, []

    def then_removed(*arguments, **options):
        loaded = load(*arguments, **options)
        if not removed:
            removed.extend(distant.folder.glob("*.tar"))
            ShardStore(distant.folder).keep_only([])
        return loaded

    monkeypatch.setattr(np, "load", then_removed)
    np.testing.assert_array_equal(distant.open()[3], cache[3])
    assert len(removed) == 1


def test_some_faces_come_from_few_tar_files(packs, tmp_path):
    stream = local(packs, tmp_path)
    spread = stream.spread(np.arange(39), 10, 3)
    assert len(spread) == 10
    assert len(np.unique(stream.shard_of(spread))) == 3
    assert (np.diff(spread) > 0).all()
    assert stream.spread(np.arange(5, 9), 10, 3).tolist() == [5, 6, 7, 8]
    assert stream.spread(np.arange(0), 10, 3).tolist() == []
