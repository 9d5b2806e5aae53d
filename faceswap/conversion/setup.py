"""Everything that conversions are made with, as plain values: any process builds the same of it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from faceswap.conversion.build import Networks, build_encoding, build_swapper
from faceswap.conversion.faces.chosen_faceset import ChosenFacesets
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.targets import Targets, parse_targets
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import Outputs
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.settings import ConvertConfig
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.video.ranges import WHOLE, Ranges
from faceswap.core.device import pick_device
from faceswap.media.hashed_source import HashedSource
from faceswap.media.sources import Source
from faceswap.models.model_file import LoadedModel
from faceswap.models.run_model import load_run_model
from faceswap.provenance.identity import SigningIdentity
from faceswap.tracking.finder import DETECTOR, LANDMARKER


@dataclass(frozen=True)
class ConvertSetup:
    """What all conversions of a command have in common; networks are loaded when first used.

    Attributes:
        model: Run or exported model.
        config: Settings.
        identity: Signing identity.
        to: Identity of all faces that ``mapped`` does not name; None leaves these as they are, or
            means the only identity that the model can show.
        mapped: Texts ``REF=IDENTITY``.
        checkpoint: Checkpoint of the run; None for the best one.
        faceset: Faceset of the source, or folder of facesets; None to find the faces.
        detector: Name of the detector that finds them.
        landmarker: Name of the landmarker.
        ranges: Ranges of a video in which faces are swapped.
        device: Device of all networks, chosen on each machine if "auto".
    """

    model: Path
    config: ConvertConfig
    identity: SigningIdentity
    to: str | None = None
    mapped: tuple[str, ...] = ()
    checkpoint: str | None = None
    faceset: Path | None = None
    detector: str = DETECTOR
    landmarker: str = LANDMARKER
    ranges: Ranges = WHOLE
    device: str = "auto"

    def check(self) -> None:
        """Builds everything, so that what is wrong is said before the work starts.

        Raises:
            FaceswapError: The model, a network or a reference is missing, damaged or does not fit.
        """
        for part in ("swapper", "targets", "encode"):
            getattr(self, part)

    @cached_property
    def loaded(self) -> LoadedModel:
        """The model."""
        return load_run_model(self.model, pick_device(self.device), self.checkpoint)

    @cached_property
    def networks(self) -> Networks:
        """Networks that swappers with other settings use as well."""
        return Networks()

    @cached_property
    def swapper(self) -> Swapper:
        """Swapper of the faces."""
        return build_swapper(self.loaded, self.config, networks=self.networks)

    @cached_property
    def targets(self) -> Targets:
        """Target identities of the faces."""
        to, loaded = self.to, self.loaded
        if to is None and not self.mapped and len(loaded.targets) == 1:
            to = loaded.targets[0]  # all others are people of the crowd
        return parse_targets(
            to,
            self.mapped,
            loaded.check_target,
            threshold=self.config.faces.threshold,
            fade=self.config.faces.fade,
            device=str(pick_device(self.device)),
        )

    @cached_property
    def encode(self) -> EncodeSettings:
        """Encoding of the outputs."""
        return build_encoding(self.config.encode)

    @cached_property
    def finding(self) -> FaceFinding:
        """How faces are found without a faceset, by networks that all sources share."""
        return FaceFinding(self.detector, self.landmarker, str(pick_device(self.device)))

    @cached_property
    def facesets(self) -> ChosenFacesets | None:
        """Facesets of the sources; None if there are none."""
        return None if self.faceset is None else ChosenFacesets(self.faceset)

    def job(
        self, source: Source, outputs: Outputs, hashed: HashedSource | None = None
    ) -> ConvertJob:
        """The conversion of one source.

        Args:
            source: Source.
            outputs: Names of its outputs.
            hashed: The source with the hashes of its files, if they are known.

        Raises:
            FacesetError: Its faceset is missing, unfinished or damaged.
            MediaError: The source cannot be read.
        """
        own = self.finding if self.facesets is None else self.facesets.of(source, hashed)
        return ConvertJob(
            source,
            outputs,
            self.swapper,
            own,
            self.encode,
            self.identity,
            self.targets,
            self.ranges,
        )

    def varied(self, config: ConvertConfig) -> Swapper:
        """A swapper with other settings, of the same networks."""
        return build_swapper(self.loaded, config, networks=self.networks)
