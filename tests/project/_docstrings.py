"""A reader of NumPy docstrings and the faults it finds by comparing them with the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.project._source import FunctionNode, Module

SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)
NO_DOCSTRING = "has no docstring"


def sections(docstring: str) -> dict[str, str]:
    """Return the text of each underlined section; the text before the first is under ""."""
    parts = SECTION.split(docstring)
    return {"": parts[0]} | {name: text.strip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def entries(text: str) -> list[str]:
    """Return the names of a section's entries: ``a, b : float`` gives a and b."""
    names: list[str] = []
    for line in text.splitlines():
        if line and not line[0].isspace():
            names += [name.strip().lstrip("*") for name in line.partition(":")[0].split(",")]
    return names


def arguments(function: FunctionNode, *, is_method: bool) -> list[str]:
    """Return the argument names that a docstring has to describe."""
    spec = function.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    if is_method and not _decorated(function, "staticmethod"):
        names = names[1:]
    names += [a.arg for a in (spec.vararg,) if a] + [a.arg for a in spec.kwonlyargs]
    return names + [a.arg for a in (spec.kwarg,) if a]


def raised(function: FunctionNode) -> set[str]:
    """Return the names of the exceptions that a function's own ``raise`` statements name."""
    names = set()
    for node in _own_nodes(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = ast.unparse(target).split(".")[-1]
            if name[0].isupper():
                names.add(name)
    return names - {"NotImplementedError", "AssertionError"}


def is_property(function: FunctionNode) -> bool:
    """Return whether a method is read like an attribute."""
    return _decorated(function, "property", "cached_property", "setter")


def faults(name: str, function: FunctionNode, *, is_method: bool) -> list[str]:
    """Return what a public function's docstring lacks, each as a line that names the function.

    A property needs a summary only; so does a method that nothing but ``self`` enters and whose
    summary says what it returns.
    """
    docstring = ast.get_docstring(function)
    if docstring is None:
        return [f"{name} {NO_DOCSTRING}"]
    if is_property(function):
        return []
    found = sections(docstring)
    expected = arguments(function, is_method=is_method)
    documented = [n for s in ("Parameters", "Other Parameters") for n in entries(found.get(s, ""))]
    problems = []
    if documented != expected:
        problems.append(f"{name} documents the parameters {documented}, has {expected}")
    returns = function.returns is not None and ast.unparse(function.returns) not in (
        "None",
        "NoReturn",
        "Never",
    )
    said = not expected and docstring.startswith(("Return", "Yield"))
    if returns and not said and not found.keys() & {"Returns", "Yields"}:
        problems.append(f"{name} has no section Returns")
    missing = raised(function) - set(entries(found.get("Raises", "")))
    if missing:
        problems.append(f"{name} does not document that it raises {sorted(missing)}")
    return problems


def public_functions(module: Module) -> Iterator[tuple[str, FunctionNode, bool]]:
    """Yield a public module's public functions and methods: name, node, whether it is a method.

    Methods that override one of a base class that the same module defines are left out: the base
    documents them.
    """
    if not module.is_public:
        return
    classes = {node.name: node for node in module.tree.body if isinstance(node, ast.ClassDef)}
    for node in module.tree.body:
        if isinstance(node, FunctionNode) and not node.name.startswith("_"):
            yield f"{module.name}.{node.name}", node, False
    for class_name, node in classes.items():
        if class_name.startswith("_"):
            continue
        inherited = {
            item.name
            for base in node.bases
            if isinstance(base, ast.Name) and base.id in classes
            for item in classes[base.id].body
            if isinstance(item, FunctionNode)
        }
        for item in node.body:
            if (
                isinstance(item, FunctionNode)
                and not item.name.startswith("_")
                and item.name not in inherited
                and not _decorated(item, "overload", "override")
            ):
                yield f"{module.name}.{class_name}.{item.name}", item, True


def _decorated(function: FunctionNode, *names: str) -> bool:
    return any(
        ast.unparse(decorator).partition("(")[0].split(".")[-1] in names for decorator in function.decorator_list
    )


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, FunctionNode | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)
