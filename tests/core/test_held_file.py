import io
import random
import tracemalloc

import pytest

from faceswap.core import held_file
from faceswap.core.held_file import HeldFile, signed_path


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(held_file, "HELD", 100)


def test_it_reads_and_writes_like_any_file(tmp_path):
    chance, other = random.Random(0), io.BytesIO()
    with HeldFile(tmp_path / "a") as file:
        for _ in range(300):
            place, data = chance.randrange(250), chance.randbytes(chance.randrange(1, 200))
            for each in (file, other):
                each.seek(place)
                each.write(data)
            start = chance.randrange(300)
            for each in (file, other):
                each.seek(start)
            assert file.readall() == other.read()
            assert file.seek(-5, 2) == other.seek(-5, 2)
            assert file.seek(3, 1) == other.seek(3, 1)
        second = file.second_reader()
        assert second.readall() == other.getvalue()
        file.release()
    assert (tmp_path / "a").read_bytes() == other.getvalue()


def test_nothing_is_on_the_disk_as_it_is_before_it_is_released(tmp_path):
    with HeldFile(tmp_path / "a") as file:
        file.write(bytes(range(1, 251)))
        assert (tmp_path / "a").read_bytes() == bytes(100) + bytes(range(154, 4, -1))
        file.release()
        assert (tmp_path / "a").read_bytes() == bytes(range(1, 251))


def test_a_large_part_is_read_without_a_copy(tmp_path):
    content = random.Random(1).randbytes(8 << 20)
    buffer = bytearray(len(content))
    with HeldFile(tmp_path / "a") as file:
        file.write(content)
        file.seek(0)
        assert file.readinto(memoryview(buffer)[:100]) == 100
        tracemalloc.start()
        assert file.readinto(memoryview(buffer)[100:]) == len(content) - 100
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert buffer == content
    assert peak < 3 << 20


def test_a_gap_is_read_and_released_as_zeros(tmp_path):
    with HeldFile(tmp_path / "a.ts") as file:
        for place in (50, 300, 1000):
            file.seek(place)
            file.write(b"x")
        expected = bytes(50) + b"x" + bytes(249) + b"x" + bytes(699) + b"x"
        file.seek(0)
        assert file.readall() == expected
        file.release()
    assert (tmp_path / "a.ts").read_bytes() == expected


def test_a_signer_replaces_the_content_and_its_companions_go(tmp_path):
    def sign(file, final):
        assert final == tmp_path / "a.txt"
        companion = file.path.with_name(file.path.name + ".x")
        companion.touch()
        file.release()
        return [companion]

    with signed_path(tmp_path / "a.txt", sign) as file:
        file.write(b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(ValueError, match="no"), signed_path(tmp_path / "a.txt", None) as file:
        raise ValueError("no")
    assert (tmp_path / "a.txt").read_bytes() == b"content"
