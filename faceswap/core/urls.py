"""URLs as text: what is one, and what of it must be neither recorded nor shown."""

import re

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# A password, which may contain slashes, or a token; not the port of a host.
_CREDENTIALS = re.compile(r"https?://[^/@]+@|[^:]+://[^/@]*:(?!\d+/)[^@]*@", re.IGNORECASE)
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]*")
_CHAIN = "::"  # between the parts of a URL such as zip://a.mp4::https://host/a.zip


def is_url(text: str) -> bool:
    """Whether a text is a URL and not a path (``C://videos`` is a path)."""
    return _URL.match(text) is not None


def has_credentials(url: str) -> bool:
    """Whether a URL names a user with a password or a token before its host."""
    return any(_CREDENTIALS.match(part) for part in url.split(_CHAIN))


def split_query(url: str) -> tuple[str, str]:
    """A URL without its query and fragment, and these with their sign; "" if there are none.

    Signed links have their secret there.
    """
    found = re.search(r"[?#]", url)
    return (url[: found.start()], url[found.start() :]) if found else (url, "")


def without_secrets(text: str) -> str:
    """A text whose URLs have neither users and passwords nor queries and fragments."""
    return _IN_TEXT.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    parts = found[0].split(_CHAIN)
    return _CHAIN.join(_CREDENTIALS.sub(_scheme, split_query(part)[0], count=1) for part in parts)


def _scheme(found: re.Match[str]) -> str:
    return f"{found[0].partition('://')[0]}://"
