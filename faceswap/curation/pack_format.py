"""Format of packs: names of the special members, and what their documents hold."""

from typing import Annotated

from pydantic import Field

from faceswap.core.documents import DocumentModel, Items
from faceswap.core.errors import FacesetError
from faceswap.core.formats import Format
from faceswap.core.names import Sha256Hex
from faceswap.facesets.files import RECORD, ROWS

PACK, RECORD_MEMBER, ROWS_MEMBER = "__pack.json__", f"__{RECORD}__", f"__{ROWS}__"
"""Names of the members that describe a tar file and its faceset."""
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


class IndexDocument(DocumentModel):
    """Which tar files of a pack are written.

    Attributes:
        plan: Hash of what decides about all files: record and table of the faceset, faces a file.
        shards: Number of files of the whole pack.
        written: State of the crops and masks in each file that is written, as a hash, from the
            first file on.
    """

    plan: Sha256Hex
    shards: Annotated[int, Field(ge=1)]
    written: Items[Sha256Hex]


INDEX_FORMAT = Format("faceswap-pack-index", 1, FacesetError, schema=IndexDocument)
"""Format of the index of a pack."""
