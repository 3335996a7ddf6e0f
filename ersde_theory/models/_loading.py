"""Any model by one word: a shipped network, a diffusers folder, or a factory in a file of yours."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from ersde_theory import _checks
from ersde_theory.models._diffusers import diffusers_denoiser
from ersde_theory.models._network_denoiser import NetworkDenoiser

SHIPPED = {"digits": "edm", "digits-flow": "flow"}


def load_denoiser(target: str, *, trust_pickle: bool = False, device: Any = "cpu") -> NetworkDenoiser:
    """Return the denoiser that a command line names.

    Parameters
    ----------
    target : str
        ``digits`` or ``digits-flow`` (networks that ship with the package), a diffusers folder, or
        ``file.py:factory`` with a function without arguments that returns a :class:`NetworkDenoiser`.
    trust_pickle : bool
        As in :func:`load_weights`.
    device : torch.device or str
        Where the network runs.

    Returns
    -------
    NetworkDenoiser

    Raises
    ------
    TypeError
        If the factory returns something else.
    ValueError
        If the target is none of these.

    Examples
    --------
    >>> import tempfile
    >>> text = '''
    ... from ersde_theory.models import NetworkDenoiser, SigmaLevels
    ... def shrink():
    ...     return NetworkDenoiser(lambda x, sigma: 0 * x, "x0", SigmaLevels((0.01, 80.0)), shape=(2,))
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.py").write_text(text)
    ...     load_denoiser(f"{folder}/mine.py:shrink").shape
    (2,)
    """
    name = str(target)
    if name in SHIPPED:
        from ersde_theory.models.digits import digits_denoiser

        return _moved(digits_denoiser(SHIPPED[name]), device)
    path, _, factory = name.rpartition(":")
    if path.endswith(".py"):
        return _moved(_made(Path(path), factory), device)
    if Path(name).is_dir():
        return diffusers_denoiser(name, trust_pickle=trust_pickle, device=device)
    if name.endswith(".py"):
        msg = f"model: expected the name of a function too, {name}:FACTORY, got {name!r}"
        raise ValueError(msg)
    near = difflib.get_close_matches(name, SHIPPED, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    msg = f"model: expected {', '.join(SHIPPED)}, a diffusers folder or FILE.py:FACTORY, got {name!r}{hint}"
    raise ValueError(msg)


def _made(path: Path, factory: str) -> NetworkDenoiser:
    """Return what a function in a file returns."""
    if not path.is_file():
        msg = f"model: expected a Python file, got no such file: {path}"
        raise ValueError(msg)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        msg = f"model: expected a Python file that can be imported, got {path}"
        raise ValueError(msg)
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # as for a script: it may import its neighbours
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    public = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    function = getattr(module, _checks.one_of(factory, f"factory in {path}", public))
    made = function()
    if not isinstance(made, NetworkDenoiser):
        msg = f"{path}:{factory}: expected a NetworkDenoiser, got {_checks.describe(made)}"
        raise TypeError(msg)
    return made


def _moved(denoiser: NetworkDenoiser, device: Any) -> NetworkDenoiser:
    return denoiser if str(device) == "cpu" else denoiser.to(device=device)


__all__ = ["load_denoiser"]
