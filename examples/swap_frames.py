"""Swap the faces of a list of NumPy frames.

python examples/swap_frames.py runs/ab bob photos/ out/
"""

import argparse
from pathlib import Path

import faceswap
from faceswap.conversion.output.description import describe_conversion
from faceswap.core.hashed_file import HashedFile
from faceswap.media.images import read_image, write_image
from faceswap.provenance.identity import open_identity
from faceswap.provenance.metadata import xmp_packet
from faceswap.provenance.signing import ManifestSigner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="run of `faceswap train`, or its model folder")
    parser.add_argument("to", help="identity whose face is shown")
    parser.add_argument("photos", type=Path, help="folder of images")
    parser.add_argument("output", type=Path, help="folder of the results")
    options = parser.parse_args()

    paths = sorted(path for path in options.photos.iterdir() if path.suffix in {".jpg", ".png"})
    hashed = [HashedFile.of(path) for path in paths]  # before they are read
    frames = [read_image(path) for path in paths]  # (H, W, 3) uint8 RGB

    model = faceswap.load_model(options.model, device="cpu")
    # Photos are independent; for consecutive frames of a video leave out video=False.
    swapped = faceswap.Swapper(model).swap(frames, to=options.to, video=False)

    # What shows generated faces says so, in every copy that leaves the program.
    signer = ManifestSigner(open_identity(), describe_conversion(model, options.to))
    for source, path, before, after in zip(hashed, paths, frames, swapped, strict=True):
        output = options.output / path.name
        write_image(output, after, xmp=xmp_packet(), sign=signer.for_sources(source))
        changed = (before != after).any(-1).mean()
        print(f"{path.name}: {changed:.1%} of the pixels changed")


if __name__ == "__main__":
    main()
