"""How samplers are called: each convention makes a callable into a black box that can be read out."""

from ersde_theory.audit.conventions._comfy import comfy_stand_ins as comfy_stand_ins
from ersde_theory.audit.conventions._diffusers import diffusers_scheduler as diffusers_scheduler
from ersde_theory.audit.conventions._k_diffusion import k_diffusion as k_diffusion
from ersde_theory.audit.conventions._own import own_scheme as own_scheme
from ersde_theory.audit.conventions._released import released_er_sde as released_er_sde
from ersde_theory.audit.conventions._step import bare_step as bare_step
from ersde_theory.audit.conventions._targets import load_target as load_target

__all__ = [
    "bare_step",
    "comfy_stand_ins",
    "diffusers_scheduler",
    "k_diffusion",
    "load_target",
    "own_scheme",
    "released_er_sde",
]
