"""Conformance vectors: tables of schemes with certified coefficients, for a porter in any language.

Nothing here uses the quadrature, the noise scale functions or the schemes of the rest of the package: coefficients
come from ball arithmetic (python-flint), so they can judge them. ``ersde vectors`` writes and checks the files,
``docs/conformance_vectors.md`` says how to use them.
"""
