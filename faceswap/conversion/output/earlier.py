"""What an identical conversion left when it was interrupted or finished."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faceswap.conversion.output.names import Outputs
from faceswap.conversion.output.patches import is_description
from faceswap.conversion.output.report import ConvertReport, is_report_of, read_own_report
from faceswap.core.file_state import FileState
from faceswap.core.outputs import check_outputs, is_taken
from faceswap.media.frame_pattern import DESCRIPTION, FramePattern
from faceswap.media.hashed_source import HashedSource
from faceswap.provenance.identity import SigningIdentity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.own_files import is_own_sidecar, read_own
from faceswap.provenance.sidecar import written_sidecar


@dataclass(frozen=True)
class Earlier:
    """What is left of an identical conversion.

    Attributes:
        hashed: The source.
        report: Report of a conversion that is complete; None if there is work to do.
        swapped: Number of swapped faces of each finished file, by its index in the source.
        shown: Identities that these files show.
    """

    hashed: HashedSource
    report: ConvertReport | None = None
    swapped: Mapping[int, int] = field(default_factory=dict)
    shown: Collection[str] = ()
    _seen: Mapping[Path, FileState] = field(default_factory=dict, repr=False)

    def is_current(self, outputs: Outputs) -> bool:
        """Whether the outputs are unchanged since they were read."""
        return self._seen == _states(outputs)


def find_earlier(
    outputs: Outputs, hashed: HashedSource, conversion: Conversion, identity: SigningIdentity
) -> Earlier:
    """Recognises what an identical conversion left, by its signed manifests.

    Raises:
        OutputExistsError: Something else exists under the name of an output.
    """
    seen = _states(outputs)  # before they are read: a change meanwhile is noticed later
    names = outputs.names()  # other shards add images
    swapped: dict[int, int] = {}
    shown: set[str] = set()
    own: set[Path | None] = set()
    for index, (file, source) in enumerate(zip(outputs.files, hashed.files, strict=True)):
        sidecar = written_sidecar(file)
        if not file.exists() and (sidecar is None or not sidecar.exists()):
            continue
        fingerprint = conversion.fingerprint([source])
        declared = read_own(file, fingerprint, identity)
        if declared is not None:
            swapped[index] = declared.counts.get("faces_swapped", 0)
            shown.update(declared.shows)
            own |= {file, sidecar}
        elif sidecar and not file.exists() and is_own_sidecar(sidecar, fingerprint, identity):
            own.add(sidecar)
    report = read_own_report(outputs, conversion.fingerprint(hashed.files))
    if outputs.pattern is not None:
        own |= _own_images(outputs.pattern, conversion.fingerprint(hashed.files), identity)
    if report is not None:
        own.add(outputs.report)
        if outputs.pattern is not None:
            report = report if report.files and own.issuperset(report.files) else None
        elif report.files != tuple(outputs.files[index] for index in swapped):
            report = None
    elif swapped and outputs.is_folder and is_report_of(outputs.report, hashed.source):
        own.add(outputs.report)  # of the same photos, before some were added or removed
    check_outputs([path for path in names if path not in own])
    return Earlier(hashed, report, swapped, shown, seen)


def _own_images(pattern: FramePattern, fingerprint: str, identity: SigningIdentity) -> set[Path]:
    """Numbered images that this conversion wrote, and the descriptions beside them."""
    files = pattern.existing()
    return {
        file
        for file in files
        if (
            is_description(file)
            if file.suffix == DESCRIPTION
            else read_own(file, fingerprint, identity) is not None
        )
    }


def _states(outputs: Outputs) -> dict[Path, FileState]:
    return {path: FileState.of(path.lstat()) for path in outputs.names() if is_taken(path)}
