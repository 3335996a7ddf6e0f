"""Schemes: one private module per method, each with one function from a grid to a Tableau."""

from ersde_theory.schemes._ddim import ddim as ddim
from ersde_theory.schemes._ddpm_ancestral import ddpm_ancestral as ddpm_ancestral
from ersde_theory.schemes._deis import deis as deis
from ersde_theory.schemes._dpm_solver_pp import dpm_solver_pp as dpm_solver_pp
from ersde_theory.schemes._dpm_solver_pp_sde import dpm_solver_pp_sde as dpm_solver_pp_sde
from ersde_theory.schemes._dpm_solver_pp_singlestep import dpm_solver_pp_singlestep as dpm_solver_pp_singlestep
from ersde_theory.schemes._edm import edm_heun as edm_heun
from ersde_theory.schemes._edm import edm_stochastic as edm_stochastic
from ersde_theory.schemes._er_sde import er_sde as er_sde
from ersde_theory.schemes._euler_maruyama import euler_maruyama as euler_maruyama
from ersde_theory.schemes._exponential_adams import exponential_adams as exponential_adams
from ersde_theory.schemes._exponential_pec import exponential_pec as exponential_pec
from ersde_theory.schemes._exponential_sra import exponential_sra as exponential_sra
from ersde_theory.schemes._sa_solver import sa_solver as sa_solver
from ersde_theory.schemes._seeds import seeds as seeds
from ersde_theory.schemes._uni_pc import uni_pc as uni_pc
from ersde_theory.schemes._variable_order_pec import variable_order_pec as variable_order_pec

__all__ = [
    "ddim",
    "ddpm_ancestral",
    "deis",
    "dpm_solver_pp",
    "dpm_solver_pp_sde",
    "dpm_solver_pp_singlestep",
    "edm_heun",
    "edm_stochastic",
    "er_sde",
    "euler_maruyama",
    "exponential_adams",
    "exponential_pec",
    "exponential_sra",
    "sa_solver",
    "seeds",
    "uni_pc",
    "variable_order_pec",
]
