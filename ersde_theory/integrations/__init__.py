"""Drop-ins for other programs, made from the tableaus: no formula is repeated here.

``ersde_theory.integrations.k_diffusion`` has ``sample_er_sde``, a function with the signature of k-diffusion's
samplers; ``ersde_theory.integrations.diffusers`` has ``ERSDEScheduler``. Neither is imported before it is asked for.
"""
