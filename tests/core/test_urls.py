"""What of a URL is neither recorded nor shown."""

import pytest

from faceswap.core.urls import has_credentials, split_query, without_secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host/a.mp4?sig=se/cret&x=1 is gone", "https://host/a.mp4 is gone"),
        ("404, url='https://host/a.mp4?sig=secret'", "404, url='https://host/a.mp4'"),
        ("a https://h/a#secret and b s3://b/c?versionId=secret", "a https://h/a and b s3://b/c"),
        ("ftp://me:sec/ret@host:21/a", "ftp://host:21/a"),
        ("https://secret@host/a@2x.png", "https://host/a@2x.png"),
        ("zip://a.mp4::https://host/a.zip?sig=secret", "zip://a.mp4::https://host/a.zip"),
        ("zip://a.mp4::https://me:secret@host/a.zip", "zip://a.mp4::https://host/a.zip"),
        ("s3://bucket:8080/a@2x.png", "s3://bucket:8080/a@2x.png"),
        ("extract what? -o faces/a#b", "extract what? -o faces/a#b"),
    ],
)
def test_secrets_are_cut_out_of_texts(text, expected):
    assert without_secrets(text) == expected


def test_a_query_is_split_off():
    assert split_query("https://h/a?b#c?d") == ("https://h/a", "?b#c?d")
    assert split_query("https://h/a#c") == ("https://h/a", "#c")
    assert split_query("s3://h/a") == ("s3://h/a", "")


def test_credentials_are_found_in_every_part_of_a_chain():
    assert has_credentials("zip://a::https://me:secret@host/a.zip")
    assert not has_credentials("zip://a::https://host/a.zip")
