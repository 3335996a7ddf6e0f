"""The figures of the project: one module each, ``compute(settings)`` to a Record, ``draw(record)`` to a picture.

``python -m paper_figures`` makes them all; README.md beside this file says which figure shows what.
"""

from paper_figures.registry import PaperFigure as PaperFigure
from paper_figures.registry import Settings as Settings
from paper_figures.registry import draw as draw
from paper_figures.registry import drawable as drawable
from paper_figures.registry import figure as figure
from paper_figures.registry import figures as figures
from paper_figures.registry import names as names

__all__ = ["PaperFigure", "Settings", "draw", "drawable", "figure", "figures", "names"]
