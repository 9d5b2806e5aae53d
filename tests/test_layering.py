"""Imports only point down: cli, verbs, domain, packages, classifier, core."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import classifier.cli
from faceswap.cli import VERBS

ROOT = Path(__file__).resolve().parents[1]
CORE, CLASSIFIER, PACKAGE, DOMAIN, GLUE, VERB, CLI = range(7)
# Plain values and geometry: packages may use them although they lie beside the domain modules.
PLAIN = {"faceswap.alignment", "faceswap.faceset", "faceswap.ibug68", "faceswap.meanface"}
VERB_MODULES = {verb.place.partition(":")[0] for verb in VERBS.values()}
CLASSIFIER_VERBS = {verb.place.partition(":")[0] for verb in classifier.cli.VERBS.values()}
# What verbs show, in files of their own because a verb that is a script defines no class.
GLUE_MODULES = {"faceswap.trainprogress"}
# Put other domain modules together, so they belong beside them although they are a package.
DOMAIN_PACKAGES = ("faceswap.evaluation",)
INTERFACE = {"faceswap.core.console", "faceswap.core.commandline"}
# Packages that stand alone: they know core, themselves and geometry, not one another.
ALONE = ("faceswap.media", "faceswap.detectors", "faceswap.landmarkers", "faceswap.recognizers")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for package in ("faceswap", "classifier")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def layer(module: str) -> int:
    if module in {"faceswap.cli", "faceswap.__main__"}:
        return CLI
    if module in VERB_MODULES:
        return VERB
    if module in GLUE_MODULES:
        return GLUE
    if module == "faceswap" or module.startswith("faceswap.core"):
        return CORE
    if module.split(".")[0] == "classifier":
        return CLASSIFIER
    if module.startswith(DOMAIN_PACKAGES):
        return DOMAIN
    parent = ROOT / "faceswap" / module.split(".")[1]
    return PACKAGE if parent.is_dir() or module in PLAIN else DOMAIN


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
    return {name for name in imports(module) if name.split(".")[0] in ("faceswap", "classifier")}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    for name in ours(module) - {module}:
        assert name in MODULES, f"{module} imports {name}, which does not exist"
        above, below = layer(module), layer(name)
        # The demo calls the other verbs: it is the same commands in a row.
        sideways = above != VERB or module == "faceswap.demo"
        assert below < above or (below == above and sideways), f"{module} must not import {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.split(".")[0] == "classifier"])
def test_classifier_knows_only_core(module: str) -> None:
    for name in ours(module):
        # The package itself holds the version number and nothing else.
        allowed = name == "faceswap" or name.startswith(("classifier", "faceswap.core"))
        assert allowed, f"{module} imports {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith(ALONE)])
def test_lone_packages_know_core_and_geometry_only(module: str) -> None:
    package = ".".join(module.split(".")[:2])
    for name in ours(module):
        allowed = name.startswith((package, "faceswap.core")) or name in {
            "faceswap.alignment",
            "faceswap.ibug68",
            "faceswap.meanface",
        }
        assert allowed, f"{module} imports {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("faceswap.provenance")])
def test_provenance_knows_neither_faces_nor_models(module: str) -> None:
    # Marks are to outlive what is swapped and how; the facts come in as JSON values.
    allowed = ("faceswap.provenance", "faceswap.core", "faceswap.media")
    for name in ours(module):
        assert name == "faceswap" or name.startswith(allowed), f"{module} imports {name}"


def is_verb(module: str) -> bool:
    if module.split(".")[0] == "classifier":
        return module in {"classifier.cli", "classifier.options"} or module in CLASSIFIER_VERBS
    return layer(module) >= GLUE


@pytest.mark.parametrize("module", [m for m in MODULES if not is_verb(m) and m not in INTERFACE])
def test_no_interface_code_below_the_verbs(module: str) -> None:
    for name in imports(module):
        assert name.split(".")[0] not in {"typer", "click", "rich", "tqdm"}, f"{module}: {name}"
        assert name not in INTERFACE, f"{module} imports {name}"


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
        assert module not in path, f"a circle: {' -> '.join([*path, module])}"
        if module not in done:
            for name in sorted(top_level_imports(module)):
                visit(name, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_the_layers_are_what_they_are_called() -> None:
    assert layer("faceswap.core.files") == CORE
    assert layer("classifier.cli") == CLASSIFIER
    assert layer("faceswap.media.video") == PACKAGE
    assert layer("faceswap.alignment") == PACKAGE
    assert layer("faceswap.compositing") == DOMAIN
    assert layer("faceswap.evaluation.seam") == DOMAIN
    assert layer("faceswap.extract") == VERB
    assert layer("faceswap.cli") == CLI
