"""Format of packs: names of the special members, and what their documents hold."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from faceswap.core.documents import DocumentModel, Items
from faceswap.core.errors import FacesetError
from faceswap.core.formats import Format
from faceswap.core.names import Sha256Hex
from faceswap.facesets.files import RECORD, ROWS

PACK, RECORD_MEMBER, ROWS_MEMBER = "__pack.json__", f"__{RECORD}__", f"__{ROWS}__"
"""Names of the members that describe a tar file and its faceset."""
MEMBER = re.compile(r"(\d{8,10})\.(?:(removed|mask|mask_\w+)\.)?(\w{1,8})", re.ASCII)
"""Names of the other members: number of the row, kind of file but for crops and rows, suffix."""
INDEX = "pack.json"
"""Name of the file beside the tar files that says which of them are written."""


class PackDocument(DocumentModel):
    """Description of a tar file of a pack.

    Attributes:
        source: Hash of the source of the faceset.
        shard: Number of this file, from 0.
        shards: Number of files.
        members: Number of members after the descriptions.
    """

    source: Sha256Hex
    shard: Annotated[int, Field(ge=0)]
    shards: Annotated[int, Field(ge=1)]
    members: Annotated[int, Field(ge=0)]


PACK_FORMAT = Format("faceswap-pack", 1, FacesetError, schema=PackDocument)
"""Format of the description of each tar file."""


class WrittenFile(DocumentModel):
    """A tar file that is written.

    Attributes:
        state: State of the crops and masks in it when it was written, as a hash.
        name: Name of the file; "" in indexes of version 1, as the values below.
        faces: Number of faces to train on: with a crop, and not filled.
        size: Size of the file in bytes.
        sha256: Hash of the file.
    """

    state: Sha256Hex
    name: str = ""
    faces: Annotated[int, Field(ge=0)] = 0
    size: Annotated[int, Field(ge=0)] = 0
    sha256: Sha256Hex | Literal[""] = ""


class IndexDocument(DocumentModel):
    """Which tar files of a pack are written.

    Attributes:
        plan: Hash of what decides about all files: record and table of the faceset, faces a file.
        shards: Number of files of the whole pack.
        written: Each file that is written, from the first one on.
        content: ``Faceset.content_hash`` of the faceset; "" in indexes of version 1.
    """

    plan: Sha256Hex
    shards: Annotated[int, Field(ge=1)]
    written: Items[WrittenFile]
    content: Sha256Hex | Literal[""] = ""


def _with_files(document: dict[str, Any]) -> dict[str, Any]:
    """An index of version 1, which knows only the states of files, as one of version 2."""
    written = document["written"]
    states = written if isinstance(written, list) else [written]
    return document | {"written": [{"state": state} for state in states]}


INDEX_FORMAT = Format(
    "faceswap-pack-index", 2, FacesetError, {1: _with_files}, schema=IndexDocument
)
"""Format of the index of a pack."""
