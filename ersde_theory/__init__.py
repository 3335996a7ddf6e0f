"""What is true about a diffusion sampler, and how we know: theory and numerics of the ER-SDE family."""

from ersde_theory import schemes as schemes
from ersde_theory.brownian_path import BrownianPath as BrownianPath
from ersde_theory.forward_process import ForwardProcess as ForwardProcess
from ersde_theory.noise_scale import NoiseScale as NoiseScale
from ersde_theory.noise_scale import NotAdmissible as NotAdmissible
from ersde_theory.sampling import sample as sample
from ersde_theory.tableau import Draw as Draw
from ersde_theory.tableau import Tableau as Tableau
from ersde_theory.time_grid import TimeGrid as TimeGrid

__all__ = [
    "BrownianPath",
    "Draw",
    "ForwardProcess",
    "NoiseScale",
    "NotAdmissible",
    "Tableau",
    "TimeGrid",
    "sample",
    "schemes",
]
