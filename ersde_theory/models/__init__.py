"""Networks as denoisers: adapters, checkpoints, and the digits networks that ship with the project (needs torch)."""
