"""The progress bar of every long command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def progress_bar(console: Console) -> Progress:
    """Return a progress bar that shows itself on a terminal only.

    Parameters
    ----------
    console : Console
        Where it is drawn.

    Returns
    -------
    rich.progress.Progress

    Examples
    --------
    >>> import io
    >>> from rich.console import Console
    >>> progress_bar(Console(file=io.StringIO())).disable
    True
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
