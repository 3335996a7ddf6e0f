"""Formulas in a page: LaTeX as MathML, alone or between dollars in a text."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from markupsafe import Markup

_UNKNOWN = re.compile(r"<m[io]>\\[a-zA-Z]+")
_TYPOGRAPHY = (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"), (r"\&", "&"), (r"\%", "%"))


@functools.cache
def mathml(latex: str, display: Literal["block", "inline"] = "block") -> Markup:
    r"""Return a formula as MathML; one that cannot be read is shown as it is written.

    Parameters
    ----------
    latex : str
        Without delimiters.
    display : {"block", "inline"}
        On a line of its own, or in a text.

    Returns
    -------
    Markup
        Safe to put into a page.

    Examples
    --------
    >>> mathml("a < b").startswith("<math")
    True
    >>> str(mathml(r"\left( <"))
    '<code>\\left( &lt;</code>'
    """
    from latex2mathml.converter import convert
    from markupsafe import Markup

    try:
        found = convert(latex, display=display)
    except Exception:
        found = "\\unknown"
    if found == "\\unknown" or _UNKNOWN.search(found):
        return Markup("<code>{}</code>").format(latex)
    return Markup(found)


def prose(text: str) -> Markup:
    r"""Return a text with its formulas between dollars as MathML and everything else escaped.

    Parameters
    ----------
    text : str
        With an even number of dollars.

    Returns
    -------
    Markup
        Safe to put into a page.

    Examples
    --------
    >>> print(prose("a <b> -- c"))
    a &lt;b&gt; – c
    >>> "<math" in prose("so $x = 1$.")
    True
    """
    from markupsafe import Markup, escape

    parts = []
    for number, part in enumerate(text.split("$")):
        if number % 2:
            parts.append(mathml(part, "inline"))
            continue
        for written, shown in _TYPOGRAPHY:
            part = part.replace(written, shown)
        parts.append(escape(part))
    return Markup("").join(parts)
