"""Schemes: one private module per method, each with one function from a grid to a Tableau."""

from ersde_theory.schemes._ddim import ddim as ddim
from ersde_theory.schemes._ddpm_ancestral import ddpm_ancestral as ddpm_ancestral
from ersde_theory.schemes._er_sde import er_sde as er_sde
from ersde_theory.schemes._euler_maruyama import euler_maruyama as euler_maruyama
from ersde_theory.schemes._exponential_adams import exponential_adams as exponential_adams

__all__ = ["ddim", "ddpm_ancestral", "er_sde", "euler_maruyama", "exponential_adams"]
