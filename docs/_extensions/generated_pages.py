"""Pages made before the build: notebooks, derivations, claims; all in folders that git ignores."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

_CHAPTERS = {
    "01": "Forward processes and the family",
    "03": "Noise scale functions",
    "04": "Exact solutions, noise and moments",
    "07": "One-step errors",
    "50": "Orders",
    "55": "Other samplers as members",
}


def write(app: Sphinx) -> None:
    """Write all generated pages."""
    here = Path(app.srcdir)
    _notebooks(here.parent / "notebooks", _emptied(here / "notebooks"))
    _theory(_emptied(here / "theory"))
    _claims(here / "claims.md")


def _emptied(folder: Path) -> Path:
    """Return a folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _put(path: Path, text: str) -> None:
    """Write a page."""
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def _notebooks(source: Path, target: Path) -> None:
    """Copy the numbered notebooks and list them."""
    names = sorted(path.stem for path in source.glob("[0-9]*.ipynb"))
    for name in names:
        shutil.copy(source / f"{name}.ipynb", target)
    lines = ["# Tutorial: the textbook", "", "One sitting each; they can be read without running anything.", ""]
    _put(target / "index.md", "\n".join([*lines, "```{toctree}", ":maxdepth: 1", "", *names, "```"]))


def _theory(target: Path) -> None:
    """Write a page for each derivation, and list them by chapter."""
    from ersde_theory import derivations

    chapters: dict[str, list[str]] = {}
    title = ""
    for item in derivations.all():
        number = item.module_number if hasattr(item, "module_number") else _number(item.name)
        title = _CHAPTERS.get(number, title)
        chapters.setdefault(title, []).append(item.name)
        page = re.sub(r"^### ", "# ", item._repr_markdown_(), count=1, flags=re.M)
        _put(target / f"{item.name}.md", page)
    lines = ["# Explanation: the theory, step by step", "", "Every equation of these pages is checked by machine.", ""]
    for heading, names in chapters.items():
        lines += [f"## {heading}", "", "```{toctree}", ":maxdepth: 1", "", *names, "```", ""]
    _put(target / "index.md", "\n".join(lines))


def _number(name: str) -> str:
    """Return the number of the module that holds a derivation."""
    import importlib
    import pkgutil

    from ersde_theory import derivations

    for module in sorted(item.name for item in pkgutil.iter_modules(derivations.__path__)):
        if module[0] == "_" and module[1:3].isdigit():
            found = importlib.import_module(f"{derivations.__name__}.{module}").DERIVATIONS
            if any(item.name == name for item in found):
                return module[1:3]
    return ""


def _claims(path: Path) -> None:
    """Write the ledger: statement, verdict, criterion, what it means, the derivations and the command."""
    from ersde_theory.claims import ledger

    lines = [
        "# Claims",
        "",
        "What the paper, its code and its reviews say, and what we find. `ersde verify` computes them.",
        "",
    ]
    lines += ["| claim | verdict | statement |", "|---|---|---|"]
    lines += [f"| [`{c.id}`](#{c.id}) | {c.stated} | {c.statement} |" for c in ledger()]
    for claim in ledger():
        rests = ", ".join(f"[{name}](theory/{name}.md)" for name in claim.derivations) or "no derivation"
        lines += [
            "",
            f"({claim.id})=",
            f"## `{claim.id}`: {claim.stated}",
            "",
            f"{claim.statement} *Source: {claim.source}.*",
            "",
            f"$${claim.formula}$$",
            "",
            claim.explanation,
            "",
            f"*Criterion.* {claim.criterion}.",
            "",
            f"*Rests on* {rests}. *Command:* `ersde verify {claim.id}`"
            + "".join(f", `{command}`" for command in claim.commands),
        ]
    _put(path, "\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages when the builder is ready."""
    app.connect("builder-inited", lambda app: write(app), priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
