"""Imports only point down one ordered list of folders."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import classifier.cli
import faceswap.cli

ROOT = Path(__file__).resolve().parents[1]
# From the bottom up. A folder imports itself and folders of the rows below its own; folders of one
# row do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("faceswap.core",),
    ("faceswap.geometry", "faceswap.colour", "faceswap.engines", "classifier.models"),
    ("classifier.data",),
    ("classifier.training",),
    ("classifier.evaluation",),
    ("classifier.interpretability",),
    ("faceswap.media", "faceswap.detectors", "faceswap.landmarkers", "faceswap.recognizers"),
    ("faceswap.provenance", "faceswap.maskers", "faceswap.models", "faceswap.tracking"),
    ("faceswap.facesets", "faceswap.environment"),
    ("faceswap.people",),
    ("faceswap.data", "faceswap.extraction"),
    ("faceswap.curation",),
    ("faceswap.training", "faceswap.conversion"),
    ("faceswap.evaluation", "faceswap.demonstration"),
    ("faceswap.faces_verbs",),
    ("classifier.lessons",),  # the course shows what both packages do
)
ORDER = {folder: level for level, row in enumerate(LAYERS) for folder in row}
# The folders of conversion; the modules beside them are above all of them.
CONVERSION: tuple[tuple[str, ...], ...] = (
    ("colour", "detail", "faces"),
    ("masks",),
    ("swap",),
    ("output",),
    ("video",),
)
# The folders of training, likewise, and the module that one of them needs.
TRAINING: tuple[tuple[str, ...], ...] = (
    ("settings", "losses", "optimizers"),
    ("inputs", "discriminators"),
    ("run",),
    ("monitoring",),
    ("loop",),
    ("from_settings",),
    ("fit",),
)
ROOMS = {"faceswap.conversion": CONVERSION, "faceswap.training": TRAINING}
VERBS = {
    verb.place.partition(":")[0]
    for verb in (*faceswap.cli.VERBS.values(), *classifier.cli.VERBS.values())
}
# The subcommands of `faceswap faces`.
SUBVERBS = "faceswap.faces_verbs"
COMMANDS = {"faceswap.cli", "faceswap.__main__", "classifier.cli", "classifier.__main__"}
# Functions behind `import faceswap` and `import classifier`; below the verbs, above all folders.
LIBRARIES = {"faceswap.library", "classifier.library"}
# Options that several verbs take, and those of a verb that has many.
SHARED_BY_VERBS = {
    "classifier.options",
    "classifier.console_reporter",
    "faceswap.extract_options",
    "faceswap.convert_options",
    "faceswap.evaluate_options",
    "faceswap.engine_options",
    "faceswap.with_progress",
}
# Terminal output belongs to the verbs, and to the bars that one of them shows.
CONSOLE = {"faceswap.core.console", "faceswap.core.command_line"}
SHOWS_PROGRESS = {"faceswap.training.progress_bars"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for package in ("faceswap", "classifier")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def folder(module: str) -> str:
    """The folder of the list that a module is in; "" for modules directly in a package."""
    name = ".".join(module.split(".")[:2])
    return name if (ROOT / name.replace(".", "/")).is_dir() and "." in name else ""


def imports(module: str) -> Iterator[str]:
    """Full names of what a module imports; ours down to the module, others as written."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def ours(module: str) -> set[str]:
    names = {name for name in imports(module) if name.split(".")[0] in ("faceswap", "classifier")}
    return names - {module}


def test_every_folder_is_in_the_list() -> None:
    assert {folder(module) for module in MODULES} - {""} == set(ORDER)


def test_every_other_module_is_a_verb_or_a_command() -> None:
    loose = {module for module in MODULES if not folder(module)}
    assert loose == VERBS | COMMANDS | SHARED_BY_VERBS | LIBRARIES | {"faceswap", "classifier"}


@pytest.mark.parametrize("module", [name for name in MODULES if folder(name)])
def test_folders_import_downwards(module: str) -> None:
    here = folder(module)
    for name in ours(module):
        assert name in MODULES, f"{module} imports {name}, which does not exist"
        there = folder(name)
        # The package itself holds the version number.
        allowed = there == here or name == "faceswap" or ORDER.get(there, 99) < ORDER[here]
        allowed = allowed or (here == SUBVERBS and name in SHARED_BY_VERBS)
        assert allowed, f"{module} must not import {name}"


def level_within(module: str, rows: tuple[tuple[str, ...], ...]) -> tuple[str, int]:
    """The inner folder that a module is in, and its row; "" above them."""
    inner = module.split(".")[2]
    levels = {name: level for level, row in enumerate(rows) for name in row}
    return (inner, levels[inner]) if inner in levels else ("", len(rows))


@pytest.mark.parametrize(
    "module", [name for name in MODULES if folder(name) in ROOMS and name not in ROOMS]
)
def test_inner_folders_import_downwards(module: str) -> None:
    within = folder(module)
    here, level = level_within(module, ROOMS[within])
    for name in ours(module):
        if name.startswith(f"{within}."):
            there, below = level_within(name, ROOMS[within])
            assert there == here or below < level, f"{module} must not import {name}"


@pytest.mark.parametrize("module", sorted(VERBS))
def test_verbs_do_not_import_each_other(module: str) -> None:
    # The demo runs the other verbs one after the other.
    allowed = VERBS if module == "faceswap.demo" else set()
    for name in ours(module):
        assert name in MODULES, f"{module} imports {name}, which does not exist"
        assert name not in (VERBS - allowed) | COMMANDS, f"{module}: {name}"


@pytest.mark.parametrize("module", sorted(LIBRARIES))
def test_libraries_import_no_verbs(module: str) -> None:
    assert not ours(module) & (VERBS | COMMANDS | SHARED_BY_VERBS)


@pytest.mark.parametrize(
    "module",
    [
        name
        for name in MODULES
        if name.startswith("classifier") and not name.startswith("classifier.lessons")
    ],
)
def test_classifier_knows_only_core(module: str) -> None:
    for name in ours(module):
        allowed = name == "faceswap" or name.startswith(("classifier", "faceswap.core"))
        assert allowed, f"{module} imports {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("faceswap.provenance")])
def test_provenance_knows_neither_faces_nor_models(module: str) -> None:
    # Manifests outlive what was swapped and how; the facts come in as JSON values.
    allowed = ("faceswap.provenance", "faceswap.core", "faceswap.media")
    for name in ours(module):
        assert name == "faceswap" or name.startswith(allowed), f"{module} imports {name}"


@pytest.mark.parametrize(
    "module",
    [
        module
        for module in MODULES
        if (folder(module) or module in LIBRARIES)
        and folder(module) != SUBVERBS
        and module not in CONSOLE | SHOWS_PROGRESS
    ],
)
def test_no_interface_code_below_the_verbs(module: str) -> None:
    for name in imports(module):
        assert name.split(".")[0] not in {"typer", "click", "rich", "tqdm"}, f"{module}: {name}"
        assert name not in CONSOLE, f"{module} imports {name}"


def test_nothing_imports_the_tools() -> None:
    for module in MODULES:
        assert not any(name.split(".")[0] in {"tools", "tests"} for name in imports(module))


def top_level_imports(module: str) -> set[str]:
    """Ours, imported while the module itself is imported."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in inner}
    return {name for name in found if name in MODULES and name != module}


def test_no_two_modules_import_each_other() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"import circle: {' -> '.join([*path, module])}"
        if module not in done:
            for name in sorted(top_level_imports(module)):
                visit(name, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


# Builders turn settings into plain values; run directories read and write them; `effects` relates
# them to each other.
BUILDERS = {
    "faceswap.conversion.build",
    "faceswap.conversion.setup",
    "faceswap.training.assembly",
    "faceswap.training.batch_size_finder",
    "faceswap.training.build",
    "faceswap.training.fit.changes",
    "faceswap.training.fit.exhausted_memory",
    "faceswap.training.fit.simulated_training",
    "faceswap.training.from_settings",
    "faceswap.training.reporting",
    "faceswap.training.inputs.prepare",
    "faceswap.training.run.run_directory",
    "faceswap.training.settings.effects",
    "classifier.training.build",
    "classifier.training.run",
    "classifier.training.run_directory",
    "faceswap.core.config",
    "faceswap.core.run_folder",
}


def settings_classes() -> set[str]:
    """Names of all classes of settings: ``StrictModel`` and what derives from it."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    found = {"StrictModel"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


def test_settings_stop_at_the_builders() -> None:
    settings = settings_classes()
    assert {"TrainConfig", "OptimizerConfig", "Settings", "OptimizerSettings"} <= settings
    for module, path in MODULES.items():
        if not folder(module) or module in BUILDERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.arg) and node.annotation is not None:
                names = {x.id for x in ast.walk(node.annotation) if isinstance(x, ast.Name)}
                assert not names & settings, f"{module} takes settings: {node.arg}"
