"""Fixtures of the provenance tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faceswap.core.hashed_file import HashedFile
from faceswap.media.images import write_image
from faceswap.media.muxers import MUXERS
from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.metadata import SYNTHETIC, xmp_packet
from faceswap.provenance.signing import ManifestSigner
from tests.footage import moving_portrait, write_clip

CONVERSION = Conversion(
    {"weights_sha256": "ab" * 32, "architecture": "small"},
    ["bob"],
    {"bob": [{"name": "Bob", "basis": "consent", "reference": "release 7"}], "alice": []},
)


@pytest.fixture
def signer() -> ManifestSigner:
    return ManifestSigner(open_identity(), CONVERSION)


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 6)


@pytest.fixture
def make_signed(tmp_path, clip) -> Callable[..., Path]:
    """A function that writes a signed file: ``make_signed("out.png")``."""

    def make(
        name: str, source: Path | None = None, identity: SigningIdentity | None = None
    ) -> Path:
        path = tmp_path / name
        signer = ManifestSigner(identity or open_identity(), CONVERSION)
        if path.suffix in MUXERS:
            reader = VideoReader(clip)
            sign = signer.for_sources(HashedFile.of(source or clip))
            with VideoWriter(path, reader.info, metadata=SYNTHETIC, sign=sign) as writer:
                for frame in reader:
                    writer.write(frame.image, frame.pts)
        else:
            photo = tmp_path / f"source{path.suffix}"
            write_image(photo, moving_portrait(1))
            sign = signer.for_sources(HashedFile.of(source or photo))
            write_image(path, moving_portrait(2), xmp=xmp_packet(), sign=sign)
        return path

    return make
