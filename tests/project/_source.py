"""The project's own source as data: files, imports, functions."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("analytic", "ersde_theory", "paper_figures")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A module's dotted name and its syntax tree."""

    name: str
    tree: ast.Module
    is_package: bool = False
    n_lines: int = 0

    @property
    def is_public(self) -> bool:
        """Whether no part of the dotted name is private."""
        return not any(part.startswith("_") for part in self.name.split("."))


@dataclass(frozen=True)
class Import:
    """One imported module: by whom, where, and whether it happens when the importer is imported."""

    importer: str
    target: str
    line: int
    at_import: bool

    def __str__(self) -> str:
        """Return a line for a failure message."""
        return f"{self.importer}:{self.line} imports {self.target}"


def parse(name: str, text: str, *, is_package: bool = False) -> Module:
    """Return a module from its source text."""
    return Module(name, ast.parse(text), is_package, len(text.splitlines()))


@functools.cache
def modules(package: str | None = None) -> tuple[Module, ...]:
    """Return the modules of one package, or of all three."""
    found = []
    for name in PACKAGES if package is None else (package,):
        for path in sorted((ROOT / name).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            dotted = ".".join(parts[:-1] if is_package else parts)
            found.append(parse(dotted, path.read_text("utf-8"), is_package=is_package))
    return tuple(found)


@functools.cache
def imports(module: Module, known: frozenset[str] | None = None) -> list[Import]:
    """Return what a module imports; ``from a import b`` is a.b if that is in ``known``."""
    if known is None:
        known = frozenset(m.name for m in modules())
    found = []
    for node, at_import in _walk(module.tree, at_import=True):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            names = [f"{base}.{alias.name}" for alias in node.names]
            targets = sorted({name if name in known else base for name in names})
        else:
            continue
        found += [Import(module.name, target, node.lineno, at_import) for target in targets]
    return found


def _walk(tree: ast.AST, *, at_import: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield every node with whether it runs at import: not in functions, not for type checkers."""
    for node in ast.iter_child_nodes(tree):
        inside = at_import and not isinstance(node, FunctionNode | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inside = False
        yield node, at_import
        yield from _walk(node, at_import=inside)


def _base(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def within(name: str, *parents: str) -> bool:
    """Return whether a dotted name is one of the parents or lies in one."""
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def functions(module: Module) -> Iterator[tuple[str, FunctionNode]]:
    """Yield every function and method of a module with its dotted name."""

    def visit(node: ast.AST, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FunctionNode | ast.ClassDef):
                name = f"{prefix}.{child.name}"
                if isinstance(child, FunctionNode):
                    yield name, child
                yield from visit(child, name)
            else:
                yield from visit(child, prefix)

    yield from visit(module.tree, module.name)


def code_lines(function: FunctionNode) -> int:
    """Return a function's lines, its docstring and its decorators left out."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        total -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return total


def listed_files() -> list[Path]:
    """Return the files that git tracks or would track; without git, all that there are."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        paths = [ROOT / name for name in run.stdout.split("\0") if name]
    except (FileNotFoundError, subprocess.CalledProcessError):
        folders = (*PACKAGES, "tests", "docs", "notebooks", "benchmarks")
        paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
        paths = [*paths, *ROOT.glob("*")]
    return sorted({p for p in paths if p.is_file() and "__pycache__" not in p.parts})
