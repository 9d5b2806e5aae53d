"""Options of the verb ``faceswap extract``, as typer declares them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from faceswap.maskers import maskers
from faceswap.media.decoding import DecoderChoice
from faceswap.people.embeddings import SAME_PERSON
from faceswap.provenance.subject import BASES

Inputs = Annotated[
    list[str],
    typer.Argument(help="Videos, photos, or folders of both (searched recursively); also URLs."),
]
Output = Annotated[
    str, typer.Option("--output", "-o", help="Folder or URL for the facesets, one per source.")
]
Shard = Annotated[
    str, typer.Option(help="I/N: extract the I-th of N shards of the sources, one per machine.")
]
MaskModel = Annotated[
    Path | None,
    typer.Option(
        help="Run or model of `classifier train` for --masker segmentation; default: face_masks "
        "among the weights."
    ),
]
CropSize = Annotated[
    int, typer.Option(min=64, max=2048, help="Side of the stored crops in pixels.")
]
Every = Annotated[int, typer.Option(min=1, help="Process every n-th frame only.")]
MinSize = Annotated[
    int, typer.Option(min=1, help="Skip faces (brows to chin) smaller than this many pixels.")
]
MinScore = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Drop detections of a lower score; each detector has its own."),
]
Tiles = Annotated[
    str,
    typer.Option(
        metavar="auto|off|N", help="Search small faces on N tiles along the longer side as well."
    ),
]
Turned = Annotated[
    Literal["auto", "always", "never"],
    typer.Option(help="When to search lying and upside-down heads on turned frames."),
]
FillGaps = Annotated[
    int,
    typer.Option(
        min=0, help="Longest gap in a track, in frames, in which the face is interpolated."
    ),
]
MaxSize = Annotated[
    int | None, typer.Option(min=1, help="Skip faces larger than this many pixels.")
]
MinPresence = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Skip faces of which the landmarker is less sure."),
]
MinSharpness = Annotated[
    float | None, typer.Option(min=0, help="Skip faces whose crop is less sharp.")
]
Yaw = Annotated[
    str | None,
    typer.Option(metavar="MIN:MAX", help="Skip faces turned otherwise (degrees to image right)."),
]
Pitch = Annotated[
    str | None, typer.Option(metavar="MIN:MAX", help="Skip faces raised otherwise (degrees up).")
]
Roll = Annotated[
    str | None,
    typer.Option(metavar="MIN:MAX", help="Skip faces tilted otherwise (degrees clockwise)."),
]
MaxFaces = Annotated[
    int | None, typer.Option(min=1, help="Store only this many faces of a frame, the largest.")
]
Import = Annotated[
    Path | None,
    typer.Option(
        "--import", help="Boxes or landmarks in JSON or Parquet, instead of finding faces."
    ),
]
Start = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Begin there: seconds, [HH:]MM:SS, or a frame as 250f."),
]
End = Annotated[str | None, typer.Option(metavar="TIME", help="End before; see --start.")]
Identity = Annotated[
    str,
    typer.Option(help="Recognise people: on, off, or auto (if the weights are available)."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REF", help="Keep the faces of this person only: photo or faceset; repeatable."
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--not", metavar="REF", help="Leave out the faces of this person; repeatable."),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=-1, max=1, help=f"Similarity to a reference that suffices (default {SAME_PERSON})."
    ),
]
Largest = Annotated[
    bool, typer.Option("--largest", help="Of these people, keep the largest face of each frame.")
]
Basis = Annotated[
    str | None, typer.Option(help=f"Basis on which the person may be shown: {', '.join(BASES)}.")
]
Reference = Annotated[
    str | None, typer.Option(help="Reference of the basis: release number, licence, URL.")
]
EvidenceFile = Annotated[
    Path | None, typer.Option(help="File such as a signed release; its name and hash are stored.")
]
Detector = Annotated[str, typer.Option(help="Face detector.")]
Landmarker = Annotated[str, typer.Option(help="Landmark network.")]
Normalise = Annotated[
    Literal["none", "clahe", "histogram"],
    typer.Option(help="Normalisation of contrast before landmarks are placed."),
]
ReFeed = Annotated[
    int,
    typer.Option(
        min=1, max=32, help="Average landmarks over this many slightly different regions of a face."
    ),
]
Masker = Annotated[
    list[str] | None,
    typer.Option(
        help=f"Masker of the stored masks; may be repeated, and the first makes the default mask: "
        f"{', '.join(maskers.names())}.",
        show_default="hull",
    ),
]
ImageFormat = Annotated[
    Literal["jpg", "png", "webp"],
    typer.Option(help="Format of the crops: jpg (quality 95), png or webp (lossless)."),
]
SubjectName = Annotated[
    str | None, typer.Option(help="Name or pseudonym of the person in the sources.")
]
VideoDecoder = Annotated[
    DecoderChoice,
    typer.Option(
        help="nvdec (on a CUDA device), pyav, or auto: nvdec where its frames are the same."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing facesets.")]
