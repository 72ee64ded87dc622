"""The modules of the package: each imports only what lies below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import equiload as el

PACKAGE = Path(el.__file__).parent


def imports_of(tree: ast.AST, module: str, package: bool, modules: set[str]) -> Iterator[str]:
    """Yield the modules that a module imports, in functions and for the types alone as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")
            base = base[: len(base) - node.level + package] if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            named = [f"{home}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in named:
            while name and name not in modules:  # a name in a module stands for the module
                name = name.rpartition(".")[0]
            if name and name != module:
                yield name


def graph_of(sources: dict[str, str], packages: set[str]) -> dict[str, set[str]]:
    modules = set(sources)
    return {
        name: set(imports_of(ast.parse(text), name, name in packages, modules))
        for name, text in sources.items()
    }


def test_no_module_imports_itself_by_way_of_others():
    files = {
        ".".join(["equiload", *path.relative_to(PACKAGE).with_suffix("").parts]): path
        for path in PACKAGE.rglob("*.py")
    }
    packages = {name.removesuffix(".__init__") for name in files if name.endswith(".__init__")}
    sources = {name.removesuffix(".__init__"): path.read_text() for name, path in files.items()}
    graph = graph_of(sources, packages)
    assert len(graph) > 30 and "equiload.problem" in graph["equiload.solver"]
    # The root opens its rooms on first use, and the entry points import the root.
    TopologicalSorter({name: found - {"equiload"} for name, found in graph.items()}).prepare()


@pytest.mark.parametrize(
    "back", ["from .a import thing", "def later():\n    from . import a", "import p.a"]
)
def test_a_circle_is_found(back):
    sources = {"p": "", "p.a": "from .b import x", "p.b": back}
    with pytest.raises(CycleError):
        TopologicalSorter(graph_of(sources, {"p"})).prepare()
