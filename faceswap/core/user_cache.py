"""Where this program keeps what it can make or get again."""

import os
from pathlib import Path

import platformdirs

from faceswap.core.files import user_path


def user_cache() -> Path:
    """Folder ``$FACESWAP_CACHE``, or the program's in the user's cache folder."""
    given = os.environ.get("FACESWAP_CACHE")
    return user_path(given) if given else platformdirs.user_cache_path("faceswap")
