"""Pickles are read as data: what they would run is refused by its name."""

import importlib

import numpy as np
import pytest

from faceswap.core.errors import DocumentError

pytestmark = pytest.mark.usefixtures("tools")

# {"a": numpy.array([[1.5, -2]], numpy.float32)} as NumPy's pickles of each protocol have it.
ARRAYS = {
    2: b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\n"
    b"ndarray\nq\x03K\x00\x85q\x04c_codecs\nencode\nq\x05X\x01\x00\x00\x00bq\x06X\x06\x00\x00\x00"
    b"latin1q\x07\x86q\x08Rq\t\x87q\nRq\x0b(K\x01K\x01K\x02\x86q\x0ccnumpy\ndtype\nq\rX\x02\x00"
    b"\x00\x00f4q\x0e\x89\x88\x87q\x0fRq\x10(K\x03X\x01\x00\x00\x00<q\x11NNNJ\xff\xff\xff\xffJ"
    b"\xff\xff\xff\xffK\x00tq\x12b\x89h\x05X\n\x00\x00\x00\x00\x00\xc3\x80?\x00\x00\x00\xc3\x80"
    b"q\x13h\x07\x86q\x14Rq\x15tq\x16bs.",
    3: b"\x80\x03}q\x00X\x01\x00\x00\x00aq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\n"
    b"ndarray\nq\x03K\x00\x85q\x04C\x01bq\x05\x87q\x06Rq\x07(K\x01K\x01K\x02\x86q\x08cnumpy\n"
    b"dtype\nq\tX\x02\x00\x00\x00f4q\n\x89\x88\x87q\x0bRq\x0c(K\x03X\x01\x00\x00\x00<q\rNNNJ\xff"
    b"\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89C\x08\x00\x00\xc0?\x00\x00\x00\xc0q\x0ftq\x10"
    b"bs.",
    5: b"\x80\x05\x95\x85\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94\x8c\x13numpy._core.numeric"
    b"\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\xc0?\x00"
    b"\x00\x00\xc0\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02f4\x94\x89\x88\x87\x94R"
    b"\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94bK\x01K\x02\x86\x94"
    b"\x8c\x01C\x94t\x94R\x94s.",
}
SCALAR = (
    b"\x80\x03cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00f8\x89\x88\x87R(K\x03X"
    b"\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbC\x08\x00\x00\x00\x00\x00\x00"
    b"\x0c@\x86R."
)
ENUMERATION = (
    b"\x80\x04\x95*\x00\x00\x00\x00\x00\x00\x00]\x94\x8c\x10facelib.FaceType\x94\x8c\x08FaceType"
    b"\x94\x93\x94K\x04\x85\x94R\x94a."
)
ARRAY_TYPE = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
FLOATS = (
    b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x89\x88\x87R(K\x03X\x01\x00\x00\x00<NNNK\x00K\x00K\x00tb"
)


def parse(data: bytes):
    return importlib.import_module("peers.restricted_pickle").parse(data, "a.jpg")


def dump(value) -> bytes:
    return importlib.import_module("peers.pickle_writer").dump(value)


@pytest.mark.parametrize("protocol", ARRAYS)
def test_arrays_of_each_protocol(protocol):
    array = parse(ARRAYS[protocol])["a"]
    assert array.dtype == np.float32
    assert array.tolist() == [[1.5, -2]]


def test_scalars_and_enumerations_are_numbers():
    assert parse(SCALAR) == 3.5
    assert parse(ENUMERATION) == [4]


def test_what_is_written_is_read():
    value = {
        "text": "é",
        "numbers": [0, 1, -2, 255, 1 << 40, -(1 << 63), 1.5, True, False, None],
        "pair": (1, (2, ())),
        "bytes": b"\0\xff",
        "empty": [[], {}],
        3: "three",
    }
    assert parse(dump(value)) == value
    for dtype in (np.float32, np.float64, np.uint8, np.int64):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        read = parse(dump([array]))[0]
        assert read.dtype == dtype
        assert read.tolist() == array.tolist()


def test_only_data_is_written():
    with pytest.raises(TypeError, match="found set"):
        dump({1, 2})


def test_a_list_used_twice_is_two_lists():
    first, second = parse(b"\x80\x02](]q\x00K\x01ah\x00e.")
    assert first == second == [1]
    assert first is not second


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"cposix\nsystem\n(X\x02\x00\x00\x00idtR.", "'posix.system'"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", "'builtins.eval'"),
        (b"cnumpy\nload\n(X\x02\x00\x00\x00idtR.", "'numpy.load'"),
        (b"(X\x02\x00\x00\x00idios\nsystem\n.", "instruction INST"),
        (b"P1\n.", "instruction PERSID"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "instruction NEWOBJ"),
        (b"\x80\x02\x82\x01.", "instruction EXT1"),
        (b"\x80\x02]q\x00h\x00a.", "contains itself"),
        (b"\x80\x02" + b")" + b"\x85" * 100 + b".", "nested more than 32"),
        (b"\x80\x02" + b"](" * 100 + b"e" * 100 + b".", "nested more than 32"),
        (b"\x80\x02](K\x01e", "damaged"),
        (b"\x80\x02K\x01K\x02.", "damaged"),
        (b"\x80\x02a.", "damaged"),
        (b"\x80\x02h\x07.", "damaged"),
        (b"\x80\x02}]K\x01s.", "key"),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.", "damaged"),
        (b"\x80\x02cnumpy\nndarray\n.", "numpy.ndarray stands"),
        (b"\x80\x02](cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87Re.", "'O8'"),
        (b"\x80\x02" + ARRAY_TYPE + b".", "stands where data"),
        (
            b"\x80\x03" + ARRAY_TYPE + b"(K\x01K\x63\x85" + FLOATS + b"\x89C\x04abcdtb.",
            "has 4 bytes",
        ),
        (b"", "damaged"),
    ],
)
def test_anything_else_is_refused(data, message):
    with pytest.raises(DocumentError, match=r"a\.jpg") as found:
        parse(data)
    assert message in found.value.message


def test_lists_in_lists_used_twice_are_not_multiplied():
    # Sixty levels of [x, x] would have 2**60 values.
    bomb = b"]r\x00\x00\x00\x00"
    for level in range(1, 30):
        put = bytes([level]) + b"\0\0\0"
        bomb = b"](" + bomb + b"j" + bytes([level - 1]) + b"\0\0\0er" + put
    with pytest.raises(DocumentError, match="more values"):
        parse(b"\x80\x02" + bomb + b".")
