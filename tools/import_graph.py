"""Print figures of the import graph of a checkout, to compare two states of the repository.

    python tools/import_graph.py [CHECKOUT] [--list]

A unit is a folder directly below a package, or a module directly in it. Imports inside functions
count; imports for type checkers only do not.
"""

import argparse
import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("faceswap", "classifier")
LONG_FUNCTION, LONG_FILE = 60, 300

Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Figures:
    """Figures of one checkout.

    Attributes:
        files: Number of Python files.
        lines: Number of lines in these files.
        folders: Number of folders with Python files.
        top_level: Number of modules directly in a package.
        edges: Number of imports between units.
        layers: Length of the longest import chain of units; a cycle counts as one unit.
        module_cycles: Import cycles of modules.
        unit_cycles: Import cycles of units.
        long_functions: Functions of more than 60 lines, as ``module:function (lines)``.
        long_files: Files of more than 300 lines, as ``module (lines)``.
    """

    files: int
    lines: int
    folders: int
    top_level: int
    edges: int
    layers: int
    module_cycles: list[list[str]]
    unit_cycles: list[list[str]]
    long_functions: list[str]
    long_files: list[str]


def measure(root: Path, packages: Iterable[str] = PACKAGES) -> Figures:
    """Measure the packages of a checkout."""
    modules = find_modules(root, packages)
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in modules.items()}
    lengths = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules.items()
    }
    # A package itself holds the version number and names of its library: not a unit.
    inner = {name: tree for name, tree in trees.items() if "." in name}
    graph = {name: own_imports(tree, set(inner)) - {name} for name, tree in inner.items()}
    units = unit_graph(graph, {name: unit_of(name, modules, root) for name in inner})
    return Figures(
        files=len(modules),
        lines=sum(lengths.values()),
        folders=len({path.parent for path in modules.values()}),
        top_level=sum(unit_of(name, modules, root) == name for name in inner),
        edges=sum(map(len, units.values())),
        layers=longest_chain(units),
        module_cycles=cycles(graph),
        unit_cycles=cycles(units),
        long_functions=[text for name in trees for text in long_functions(name, trees[name])],
        long_files=[f"{name} ({n})" for name, n in lengths.items() if n > LONG_FILE],
    )


def find_modules(root: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Return the files of the packages by module name."""
    found = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def unit_of(module: str, modules: Mapping[str, Path], root: Path) -> str:
    """Return the folder below the package that a module is in, or the module itself."""
    unit = ".".join(module.split(".")[:2])
    is_folder = modules[module].parent != root / unit.partition(".")[0]
    return f"{unit}/" if is_folder else unit


def own_imports(tree: ast.AST, modules: set[str]) -> set[str]:
    """Return the modules of the checkout that a module imports."""
    found = set()
    for node in runtime_nodes(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else str(node.module) for name in names}
    return found & modules


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree without the bodies of ``if TYPE_CHECKING``."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        is_guard = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not is_guard:
            yield from runtime_nodes(child)


def unit_graph(graph: Graph, units: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the imports between units."""
    found: dict[str, set[str]] = {unit: set() for unit in units.values()}
    for module, names in graph.items():
        found[units[module]] |= {units[name] for name in names} - {units[module]}
    return found


def components(graph: Graph) -> list[list[str]]:
    """Return the strongly connected components, imported ones first (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            start = stack.index(node)
            found.append(sorted(stack[start:]))
            del stack[start:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def cycles(graph: Graph) -> list[list[str]]:
    """Return the cycles: strongly connected components of several nodes."""
    return [group for group in components(graph) if len(group) > 1]


def longest_chain(graph: Graph) -> int:
    """Return the number of components on the longest path."""
    depth: dict[str, int] = {}
    for group in components(graph):
        below = [depth[other] for node in group for other in graph[node] if other not in group]
        depth |= dict.fromkeys(group, 1 + max(below, default=0))
    return max(depth.values(), default=0)


def long_functions(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield the functions of a module that are too long."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONG_FUNCTION:
                yield f"{module}:{node.name} ({length})"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", nargs="?", type=Path, default=Path())
    parser.add_argument("--list", action="store_true", help="Name cycles, functions and files.")
    options = parser.parse_args()
    for name, value in vars(measure(options.checkout)).items():
        label = name.replace("_", " ")
        if isinstance(value, list):
            print(f"{label:16}{len(value):7}")
            for item in value if options.list else ():
                print(f"    {item if isinstance(item, str) else ' <-> '.join(item)}")
        else:
            print(f"{label:16}{value:7}")


if __name__ == "__main__":
    main()
