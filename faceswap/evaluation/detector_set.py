"""Image sets of real and swapped faces for training and testing swap detectors.

The splits share no identity and no footage, see ``identity_split``. Each frame gives one real and
one swapped image with the same crop, size and compression, so that they differ in the swap alone.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, groupby
from pathlib import Path

from faceswap.conversion.output.description import describe_conversion
from faceswap.core.errors import ConfigError, FacesetError
from faceswap.core.files import atomic_directory, write_json
from faceswap.core.seeding import generator
from faceswap.evaluation.candidates import Candidate, Faces
from faceswap.evaluation.footage import clip_names, find_footage, load_samples
from faceswap.evaluation.frame_scoring import Image, Sample
from faceswap.evaluation.identity_split import IdentitySplit, split_identities
from faceswap.evaluation.methods import Model
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import crop_matrix, warp
from faceswap.media.images import write_image
from faceswap.models.model_file import LoadedModel
from faceswap.people.embeddings import evenly_spaced
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.metadata import xmp_packet
from faceswap.provenance.signing import ManifestSigner

SPLITS = ("train", "val", "test")
REAL, SWAPPED, RECORD = "real", "swapped", "detector-set.json"
_SIDE, _COVERAGE = 256, 1.6
_QUALITIES = (75, 96)  # range of the JPEG quality, sampled for each pair
_VALIDATION, _GAP = 0.2, 25  # fraction of a clip, and number of faces skipped before it


@dataclass(frozen=True)
class DetectorSet:
    """A detector set on disk.

    Attributes:
        folder: Folder of the set.
        counts: Number of images of each class, by split.
        split: Assignment of identities.
    """

    folder: Path
    counts: dict[str, int]
    split: IdentitySplit

    def describe(self) -> list[str]:
        """Summary, one line per item."""
        counts = [
            f"{split}: {count} real and {count} swapped faces"
            f" ({', '.join(self.split.identities[split]) or 'ends of the train clips'})."
            for split, count in self.counts.items()
        ]
        return [*counts, *self.split.notes, f"Written to {self.folder}."]


def make_detector_set(
    candidates: Sequence[Candidate],
    folder: Path,
    frames: int,
    test: Sequence[str] = (),
    seed: int = 0,
    identity: SigningIdentity | None = None,
    on_faces: Callable[[int], None] = lambda _: None,
) -> DetectorSet:
    """Write ``train|val|test/real|swapped/*.jpg`` and ``detector-set.json``.

    Args:
        candidates: Runs whose models swap the faces.
        folder: Output folder; must not exist.
        frames: Maximum number of frames per identity; equal for all identities of a split.
        test: Identities of the test split; empty for the default of ``split_identities``.
        seed: Seed of the JPEG qualities.
        identity: Signing identity of the swapped images; None for the local identity.
        on_faces: Callback with the number of images written since the last call.

    Raises:
        ConfigError: The folder exists.
        ProvenanceError: Nothing can be signed.
        IdentityError: ``test`` has an unknown name or leaves too few identities to train on.
        StorageFullError: The disk is full; the folder is not created.
    """
    if folder.exists():
        raise ConfigError(f"The folder {folder} exists.", "Choose another folder.")
    split = split_identities([list(c.held_out) for c in candidates], test)
    counts: dict[str, int] = dict.fromkeys(SPLITS, 0)
    with atomic_directory(folder) as temporary:
        writer = _Writer(temporary, seed, identity or open_identity(), counts, on_faces)
        for split_name, members in split.identities.items():
            # Equal numbers, so that an identity's frequency does not reveal the class.
            each = min([frames, *(len(_faces_of(candidates, name)) for name in members)])
            for name in members:
                fraction = (
                    _VALIDATION if split_name == "train" and not split.identities["val"] else 0.0
                )
                chosen = _choose(_faces_of(candidates, name), split_name, each, fraction)
                faces = [pair for _, pairs in chosen for pair in pairs]
                models = [
                    Model(candidates[r].loaded, to, name, faces) for r, to in split.targets[name]
                ]
                labels = [to for _, to in split.targets[name]]
                swaps = cycle(zip(labels, models, strict=True))
                for home, sample in _samples(chosen):
                    to, model = next(swaps)
                    writer.write(home, name, to, sample, model(sample), model.loaded)
        detector_set = DetectorSet(folder, counts, split)
        write_json(temporary / RECORD, _record(detector_set, candidates, seed))
    return detector_set


@dataclass
class _Writer:
    folder: Path
    seed: int
    identity: SigningIdentity
    counts: dict[str, int]
    on_faces: Callable[[int], None]

    def write(
        self,
        split: str,
        name: str,
        to: str,
        sample: Sample,
        swapped: Image,
        loaded: LoadedModel,
    ) -> None:
        """Write one real and one swapped image of a sample."""
        stem = _safe(f"{name}-{sample.clip}-{sample.index:06d}")
        quality = int(generator(self.seed, "jpeg", stem).integers(*_QUALITIES))
        matrix = crop_matrix(sample.landmarks, _SIDE, _COVERAGE)
        # Manifest and XMP are outside the pixels, which are all that a classifier sees.
        signer = ManifestSigner(self.identity, describe_conversion(loaded, to))
        for kind, image, ending, xmp, sign in (
            (REAL, sample.image, "", b"", None),
            (SWAPPED, swapped, _safe(f"-as-{to}"), xmp_packet(), signer.for_sources()),
        ):
            path = self.folder / split / kind / f"{stem}{ending}.jpg"
            write_image(path, warp(image, matrix, _SIDE), quality, xmp=xmp, sign=sign)
        self.counts[split] += 1
        self.on_faces(2)


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _faces_of(candidates: Sequence[Candidate], name: str) -> Faces:
    for candidate in candidates:
        if name in candidate.held_out:
            return sorted(
                candidate.training[name] + candidate.held_out[name],
                key=lambda pair: (str(pair[0].path), pair[1].frame),
            )
    raise AssertionError(name)


def _choose(faces: Faces, split: str, frames: int, fraction: float) -> list[tuple[str, Faces]]:
    """Evenly spaced faces of each clip, by split."""
    facesets = {faceset.path: faceset for faceset, _ in faces}
    chosen = []
    for path, faceset in facesets.items():
        own = [face for other, face in faces if other.path == path]
        for home, available in _split_clip(own, split, fraction, faceset).items():
            weight = fraction if home == "val" and fraction else 1 - fraction
            count = max(1, round(frames / len(facesets) * weight))
            positions = evenly_spaced(range(len(available)), count)
            chosen.append((home, [(faceset, available[position]) for position in positions]))
    return chosen


def _samples(chosen: Sequence[tuple[str, Faces]]) -> Iterator[tuple[str, Sample]]:
    clips = clip_names(pair for _, pairs in chosen for pair in pairs)
    for faceset, entries in groupby(chosen, key=lambda entry: entry[1][0][0]):
        footage = find_footage(faceset)
        for home, pairs in entries:
            faces = [face for _, face in pairs]
            samples = load_samples(faceset, faces, footage, clips[faceset.path])
            yield from ((home, sample) for sample in samples)


def _split_clip(
    faces: Sequence[Face], split: str, fraction: float, faceset: Faceset
) -> dict[str, Sequence[Face]]:
    """Faces of a clip by split; a ``fraction`` above 0 moves the end of the clip to ``val``."""
    if not fraction:
        return {split: faces}
    last = len(faces) - round(fraction * len(faces))
    if last - _GAP < 1 or last >= len(faces):
        raise FacesetError(
            f"{faceset.path} has {len(faces)} faces, too few for a validation split.",
            "Use longer clips.",
        )
    return {split: faces[: last - _GAP], "val": faces[last:]}


def _record(
    detector_set: DetectorSet, candidates: Sequence[Candidate], seed: int
) -> dict[str, object]:
    return {
        "synthetic": "The images in the folders 'swapped' show faces generated by a network.",
        "runs": [{"name": c.name, "weights_sha256": c.loaded.digest} for c in candidates],
        "images_per_class": detector_set.counts,
        "split": asdict(detector_set.split),
        "seed": seed,
        "side": _SIDE,
        "coverage": _COVERAGE,
    }
