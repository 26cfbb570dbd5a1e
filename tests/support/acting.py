"""Which functions of the recorder take an actor, and which of them ask whether the actor may; read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PERMISSIONS = "recorder.models.permissions"
GUARDS = {(PERMISSIONS, "require"), (PERMISSIONS, "require_changes")}
ALLOWS = {(PERMISSIONS, "allows")}
Name = tuple[str, str]
"""Module and function."""


@dataclass
class Function:
    """A function at the top of a module; `actors` are its parameters of the type Actor."""

    name: Name
    node: ast.FunctionDef | ast.AsyncFunctionDef
    actors: set[str]
    passes_to: set[Name] = field(default_factory=set)

    @property
    def is_public(self) -> bool:
        return not self.name[1].startswith("_")


def recorder_files() -> list[Path]:
    return [path for path in sorted((ROOT / "recorder").rglob("*.py")) if "migrations" not in path.parts]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.arg]:
    yield from (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)


def functions(paths: list[Path] | None = None) -> dict[Name, Function]:
    """Every function at the top of these modules, by default of the whole recorder."""
    found: dict[Name, Function] = {}
    for path in paths or recorder_files():
        tree, module = ast.parse(path.read_text()), module_of(path)
        known = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        known |= {node.name: (module, node.name) for node in nodes}
        for node in nodes:
            actors = {
                a.arg for a in parameters(node) if a.annotation and "Actor" in ast.unparse(a.annotation).split(" | ")
            }
            passes_to = {known[name] for name in _called_with(node, actors) if name in known}
            found[(module, node.name)] = Function((module, node.name), node, actors, passes_to)
    return found


def _called_with(function: ast.AST, names: set[str]) -> Iterator[str]:
    """What is called with one of these variables, directly or by `async_to_sync(f)(...)`."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if not any(isinstance(value, ast.Name) and value.id in names for value in given):
            continue
        called = node.func.args[0] if isinstance(node.func, ast.Call) and node.func.args else node.func
        if isinstance(called, ast.Name):
            yield called.id


def acting() -> set[Name]:
    """Public functions that do something for an actor; not those that answer whether the actor may."""
    return {n for n, each in functions().items() if each.is_public and "actor" in each.actors and n[0] != PERMISSIONS}


def unguarded(found: dict[Name, Function]) -> list[str]:
    """Public functions with a parameter `actor` that neither ask nor hand the actor on to one that does."""
    guarded = set(GUARDS)
    while more := {name for name, each in found.items() if name not in guarded and each.passes_to & guarded}:
        guarded |= more
    return sorted(n[1] for n, e in found.items() if e.is_public and "actor" in e.actors and n not in guarded | ALLOWS)
