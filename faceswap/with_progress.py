"""Extraction and conversion of one source behind a progress bar, for the verbs that do it."""

from pathlib import Path

from faceswap.conversion.output.earlier import Earlier
from faceswap.conversion.output.report import ConvertReport
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.sharded import Shard, convert_shard
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.extraction.identities import People
from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.networks import Networks
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.report import ExtractReport
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.shards import ALL
from faceswap.media.sources import Source
from faceswap.media.video import probe


def extract_with_progress(
    source: Source,
    directory: Path,
    settings: ExtractSettings,
    *,
    people: People | None = None,
    imported: ImportedFaces | None = None,
    device: str = "auto",
    networks: Networks | None = None,
    overwrite: bool = False,
) -> ExtractReport:
    """Runs ``extract_source`` with a progress bar."""
    frames = probe(source.path).frames if source.kind == "video" else len(source.files)
    if settings.end_frame is not None:
        frames = min(frames, settings.end_frame)
    frames = max(0, frames - (settings.first_frame or 0))
    with progress_bar(f"extract {source.name}", frames, unit="frames") as advance:
        return extract_source(
            source,
            directory,
            settings,
            people=people,
            imported=imported,
            device=str(pick_device(device)),
            networks=networks,
            overwrite=overwrite,
            on_frames=advance,
        )


def convert_with_progress(
    job: ConvertJob,
    earlier: Earlier | None = None,
    shard: Shard | None = None,
    *,
    overwrite: bool = False,
) -> ConvertReport:
    """Runs a conversion, or a shard of it, behind a progress bar."""
    source = job.source
    unit = "frames" if job.passes == 1 else f"frames in {job.passes} passes"
    with progress_bar(f"convert {source.name}", job.frames() or None, unit) as advance:
        if shard is None or (shard.number, shard.shards) == ALL:
            return job.run(earlier, overwrite=overwrite, on_frames=advance)
        return convert_shard(
            job, shard, earlier, overwrite=overwrite, on_frames=advance, on_wait=note
        )
