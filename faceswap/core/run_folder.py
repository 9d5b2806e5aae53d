"""Folder of a training: its files, its settings and data, and what may change on resuming."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from faceswap.core.checkpoint import BEST, LATEST, checkpoint_steps
from faceswap.core.config import StrictModel, dump_yaml, load_config
from faceswap.core.errors import ConfigError, TrainingError
from faceswap.core.files import atomic_write
from faceswap.core.run_manifest import (
    MANIFEST,
    Data,
    Start,
    changed_settings,
    describe_start,
    moved_sources,
)

# Left by a start that failed before training began.
_EARLY = {"cache", "logs"}

C = TypeVar("C", bound=StrictModel)


@dataclass(frozen=True)
class RunFolder(Generic[C]):
    """A training on disk.

    On resuming, learning rate, batch size, budget and the like may change, and the changes are
    returned. What the weights, the split and the random stream depend on may not.

    Attributes:
        path: The folder.
    """

    path: Path

    schema: ClassVar[type[StrictModel]]
    """Class of the settings."""
    section: ClassVar[str]
    """Folder of the recipes below ``configs/``."""
    fixed: ClassVar[tuple[str, ...]]
    """Settings, or groups of settings, that may not change on resuming."""
    measured: ClassVar[tuple[str, ...]] = ()
    """Settings that may change, and on which evaluations depend: the best is then chosen anew."""
    results: ClassVar[tuple[str, ...]] = ()
    """Further files and folders that exist only after the first checkpoint was saved."""
    without_checkpoints: ClassVar[str] = ""
    """Instruction to continue from the model alone, a sentence with ``{model}``; may be empty."""

    @property
    def config(self) -> Path:
        """All settings of the last start."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """Seed, data, and the command and versions of each start."""
        return self.path / "manifest.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        """Folder of the TensorBoard logs."""
        return self.path / "logs"

    @property
    def cache(self) -> Path:
        """Folder of decoded data; may be deleted."""
        return self.path / "cache"

    @property
    def model(self) -> Path:
        """Folder of the exported model."""
        return self.path / "model"

    def exists(self) -> bool:
        """Whether a training was started here.

        Raises:
            TrainingError: The folder is in use for something else, is of another command, or has
                lost a part of the run.
        """
        steps = checkpoint_steps(self.checkpoints)
        if not self.manifest.is_file():
            if steps:
                raise self._lost(self.manifest)
            if self.path.is_file() or (self.path.is_dir() and _is_foreign(self.path)):
                raise self._foreign()
            return False
        self._require_command(steps)
        if not steps and (
            traces := [name for name in self._traces() if (self.path / name).exists()]
        ):
            raise TrainingError(
                f"{self.path} holds results of a training ({', '.join(traces)}) but no checkpoints "
                "to resume from.",
                f"Restore {self.checkpoints}, or choose another folder for --output."
                + self.without_checkpoints.format(model=self.model),
            )
        if self.config.is_file() and self.config.stat().st_size:
            return True
        if steps:
            raise self._lost(self.config)
        return False  # ended between the first two files

    def _require_command(self, steps: Sequence[int]) -> None:
        mine = f"{self.section} train"
        try:
            command = MANIFEST.read(self.manifest).get("command", mine)
        except TrainingError as error:
            if steps:
                raise
            raise self._foreign() from error
        if command != mine:
            raise TrainingError(
                f"{self.path} is a run of `{command}`.", "Choose another folder for --output."
            )

    def _traces(self) -> tuple[str, ...]:
        """Files and folders that exist only after the first checkpoint was saved."""
        root = self.checkpoints.name
        return (self.model.name, *self.results, f"{root}/{LATEST}", f"{root}/{BEST}")

    def _foreign(self) -> TrainingError:
        return TrainingError(
            f"{self.path} exists and is not the folder of a training.",
            "Choose another folder for --output.",
        )

    def _lost(self, file: Path) -> TrainingError:
        return TrainingError(
            f"The run {self.path} has checkpoints but no {file.name}, or an empty one.",
            f"Restore {file.name} from a backup, or choose another folder for --output.",
        )

    def resolve_config(self, recipe: str | None, overrides: Sequence[str] = ()) -> C:
        """Settings of a new run, or those of the run's last start with changes.

        Args:
            recipe: Name or path of a recipe; None for the run's own settings.
            overrides: Changes, ``name=value`` each.

        Raises:
            ConfigError: A setting is unknown or invalid.
        """
        resumes = self.exists()  # refuses a folder of something else whatever the recipe
        return self.new_config(self.config if recipe is None and resumes else recipe, overrides)

    def new_config(
        self, source: str | Path | Mapping[str, Any] | None, overrides: Sequence[str]
    ) -> C:
        """Settings of a recipe, or given ones, with changes; see ``load_config``."""
        return load_config(self.schema, self.section, source, overrides)  # type: ignore[return-value]

    def read_config(self) -> C:
        """Settings of the last start, whether the run can be resumed or not.

        Raises:
            ConfigError: The settings are missing or damaged.
        """
        return load_config(self.schema, self.section, self.config)  # type: ignore[return-value]

    def read_manifest(self) -> dict[str, Any]:
        """The manifest.

        Raises:
            TrainingError: The manifest is damaged or of a newer version.
        """
        return MANIFEST.read(self.manifest)

    def start(
        self,
        config: C,
        data: Data,
        command: Sequence[str],
        *,
        edited: Sequence[str] = (),
        origins: Sequence[Mapping[str, Any]] = (),
        allow_changes: bool = False,
        write: bool = True,
    ) -> Start:
        """Records a start of the run, after comparing it with earlier ones.

        Args:
            config: Settings of this start.
            data: Sources of the training data.
            command: Command line, for the record.
            edited: Differences in the content of the same data, in words; they are accepted.
            origins: Records of the models that the weights of the run started from.
            allow_changes: Whether to accept changes of fixed settings and data.
            write: Whether to write. All processes compare first; then one writes.

        Raises:
            TrainingError: Data changed, or as ``exists``.
            ConfigError: A fixed setting changed.
        """
        start = Start()
        if self.exists():
            manifest = self.read_manifest()
            if checkpoint_steps(self.checkpoints):  # else there is nothing to resume
                start = self._compare(config, manifest, data, edited, allow_changes=allow_changes)
            manifest["data"] = data
        else:
            manifest = {"command": f"{self.section} train", "data": data, "starts": []}
        manifest["seed"] = config.model_dump()["seed"]
        manifest["comparable_after"] = start.comparable_after
        if origins:
            manifest["origins"] = list(origins)
        manifest["starts"].append(describe_start(start, command))
        if write:
            self.path.mkdir(parents=True, exist_ok=True)
            MANIFEST.write(self.manifest, manifest)
            atomic_write(self.config, dump_yaml(config).encode())
        return start

    def _compare(
        self,
        config: C,
        manifest: Mapping[str, Any],
        now: Data,
        edited: Sequence[str],
        *,
        allow_changes: bool,
    ) -> Start:
        stored = self.read_config()
        changed = changed_settings(stored.model_dump(), config.model_dump())
        fixed = [words for name, words in changed.items() if self._is_fixed(name)]
        if fixed and not allow_changes:
            raise ConfigError(
                f"The run {self.path} was started with other settings: {'; '.join(fixed)}.",
                "Restore them, choose another folder for --output, or resume all the same with "
                "--allow-changes.",
            )
        data = list(self.data_changes(manifest["data"], now))
        if data and not allow_changes:
            raise TrainingError(
                f"The data of the run {self.path} changed: {'; '.join(data)}.",
                "Restore the data, choose another folder for --output, or resume all the same "
                "with --allow-changes.",
            )
        comparable_after = manifest.get("comparable_after")
        if data or fixed or edited or not set(self.measured).isdisjoint(changed):
            comparable_after = checkpoint_steps(self.checkpoints)[-1]
        changes = (*data, *edited, *moved_sources(manifest["data"], now), *changed.values())
        return Start(changes, comparable_after)

    def data_changes(self, before: Data, now: Data) -> Iterator[str]:
        """Differences in the data that matter to the run, in words."""
        if list(before) != list(now):
            yield f"{', '.join(before)} -> {', '.join(now)}"
        for name, sources in now.items():
            old = [source["sha256"] for source in before.get(name, [])]
            if name in before and old != [source["sha256"] for source in sources]:
                yield f"{name} has other content"

    def _is_fixed(self, name: str) -> bool:
        return any(name == fixed or name.startswith(f"{fixed}.") for fixed in self.fixed)


def _is_foreign(path: Path) -> bool:
    """Whether a folder holds anything but what a start that failed early leaves."""
    return any(child.name not in _EARLY and child.name[0] != "." for child in path.iterdir())
