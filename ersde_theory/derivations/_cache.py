"""Outcomes kept between runs, by content: what was proved once is not proved again.

The key covers both sides, the assumed equations, the prover's own source and SymPy's version. Failures are not kept. A
cache that is absent, corrupt or read-only is never an error.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from pathlib import Path

import sympy

from ersde_theory.derivations import _ladder, _numeric
from ersde_theory.records import write_atomically

VARIABLE = "ERSDE_CACHE"


def folder() -> Path:
    """Return where outcomes are kept: ``$ERSDE_CACHE``, or the platform's folder for caches."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen) / "derivations"
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "ersde-theory" / "derivations"


@functools.cache
def prover_version() -> str:
    """Return a digest of the prover's source and of the version of SymPy."""
    digest = hashlib.sha256(sympy.__version__.encode())
    for module in (_ladder, _numeric):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(Path(__file__).with_name("_step.py").read_bytes())
    return digest.hexdigest()


def key(*parts: object) -> str:
    """Return the content key of a statement."""
    text = "\n".join([prover_version(), *(sympy.srepr(part) for part in parts)])
    return hashlib.sha256(text.encode()).hexdigest()


def load(name: str) -> tuple[str, str] | None:
    """Return the status and detail kept under a key, or None."""
    try:
        kept = json.loads((folder() / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if isinstance(kept, list) and len(kept) == 2 and all(isinstance(item, str) for item in kept):
        return kept[0], kept[1]
    return None


def store(name: str, status: str, detail: str) -> None:
    """Keep a status and detail under a key; a folder that cannot be written is left alone."""
    try:
        write_atomically(folder() / f"{name}.json", json.dumps([status, detail]))
    except OSError:
        return
