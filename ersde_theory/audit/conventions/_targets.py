"""Finding a sampler by name: ``package.module:callable`` or ``file.py:callable``."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ersde_theory import _checks


def load_target(text: str) -> Callable[..., Any]:
    """Return the callable that a text names.

    Parameters
    ----------
    text : str
        ``package.module:callable`` or ``path/to/file.py:callable``; the callable may be dotted, a class or a
        function. A file may import its neighbours relatively.

    Returns
    -------
    callable

    Raises
    ------
    TypeError
        If `text` is no string, or names something that cannot be called.
    ValueError
        If it has not the right form, or the module has no such name; the nearest is suggested.
    FileNotFoundError, ImportError
        If there is no such file or module, or importing it fails.

    Examples
    --------
    >>> load_target("math:sqrt")(4.0)
    2.0
    >>> load_target("math:sqroot")
    Traceback (most recent call last):
        ...
    ValueError: target: expected a name in math, got 'sqroot'; did you mean 'sqrt'?
    """
    _checks.instance(text, "target", str)
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        msg = f"target: expected package.module:callable or file.py:callable, got {text!r}"
        raise ValueError(msg)
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"target: expected a name in {place}, got {name!r}{hint}"
            raise ValueError(msg)
        found = getattr(found, part)
    if not callable(found):
        msg = f"target: expected something that can be called, got {_checks.describe(found)}"
        raise TypeError(msg)
    return found


def _module(name: str) -> ModuleType:
    """Return an importable module."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        msg = f"target: expected a module that can be imported, got {name!r} ({error})"
        raise ImportError(msg) from error


def _file(path: Path) -> ModuleType:
    """Return a file as a module of a package that is its folder, so that relative imports work."""
    if not path.is_file():
        msg = f"target: expected an existing file, got {str(path)!r}"
        raise FileNotFoundError(msg)
    folder = path.resolve().parent
    package = f"audited_{abs(hash(str(folder)))}"
    if package not in sys.modules:
        parent = ModuleType(package)
        parent.__path__ = [str(folder)]
        sys.modules[package] = parent
    name = f"{package}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"target: expected a Python file, got {str(path)!r}"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _unbound(target: Any) -> Any:
    """Return what a partial application calls."""
    while isinstance(target, functools.partial):
        target = target.func
    return target


def name_of(target: Any) -> str:
    """Return a short name of a callable."""
    target = _unbound(target)
    return str(getattr(target, "__name__", None) or type(target).__name__)


def modules_of(target: Any) -> tuple[dict[str, Any], ...]:
    """Return the namespaces of the module in which a callable is defined."""
    target = _unbound(target)
    module = inspect.getmodule(inspect.unwrap(target) if inspect.isroutine(target) else target)
    return (vars(module),) if module is not None and hasattr(module, "__dict__") else ()
