"""``python -m paper_figures``."""

import typer

from paper_figures.command import figures


def main() -> None:
    """Run the command line.

    Examples
    --------
    >>> import sys
    >>> saved, sys.argv = sys.argv, ["paper_figures", "fei", "--list"]
    >>> try:
    ...     main()
    ... except SystemExit as end:
    ...     print(end.code)
    ... finally:
    ...     sys.argv = saved
    fei             FEI and injected noise along the grid
    0
    """
    app = typer.Typer(add_completion=False)
    app.command()(figures)
    app(prog_name="python -m paper_figures")


if __name__ == "__main__":
    main()
