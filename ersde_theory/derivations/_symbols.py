"""Every symbol and function of the derivations, each with its assumptions and the range it is tried on.

SymPy accepts a misspelt assumption without a word, and a symbol of the same name with other assumptions is another
symbol. So nothing outside this module creates one: :func:`symbol` and :func:`function` know four kinds, refuse any
other and refuse a name that is taken; a :class:`~ersde_theory.derivations._step.Step` refuses a symbol that is not
registered here.

Ranges matter to the numerical refutation only. They are disjoint where an order is meant:
lambda_t < lambda_m < lambda_s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from ersde_theory import _checks

KINDS = {
    "positive": {"positive": True},
    "real": {"real": True},
    "natural": {"integer": True, "positive": True},
    "nonnegative": {"nonnegative": True},
}


@dataclass(frozen=True)
class Entry:
    """A registered symbol: what it is, its kind, and the exact rationals it is tried between."""

    symbol: sympy.Symbol
    kind: str
    low: sympy.Rational
    high: sympy.Rational


#: What a page shows for a name that says more than its reader needs.
SHOWN = {"h_step": "h", "lambda_of": r"\lambda", "bar_y": r"\bar{y}", "gamma_churn": r"\gamma", "n_nodes": "n"}

_SYMBOLS: dict[str, Entry] = {}
_FUNCTIONS: dict[str, tuple[sympy.FunctionClass, str]] = {}
_DEFAULT_RANGE = {"positive": (sympy.Rational(1, 3), 3), "real": (-2, 2), "natural": (1, 5), "nonnegative": (0, 2)}


def symbol(name: str, kind: str, between: tuple[Any, Any] | None = None) -> sympy.Symbol:
    """Return a new registered symbol of a known kind, tried on exact rationals of the given range."""
    _checks.one_of(kind, "kind", tuple(KINDS))
    _refuse_taken(name)
    low, high = (sympy.sympify(end) for end in between or _DEFAULT_RANGE[kind])
    if not (low.is_Rational and high.is_Rational and low < high):
        msg = f"between: expected two exact rationals in increasing order, got {between}"
        raise ValueError(msg)
    created = sympy.Symbol(name, **KINDS[kind])
    _SYMBOLS[name] = Entry(created, kind, low, high)
    return created


def function(name: str, kind: str) -> sympy.FunctionClass:
    """Return a new registered unspecified function with values of a known kind."""
    _checks.one_of(kind, "kind", ("positive", "real"))
    _refuse_taken(name)
    created = sympy.Function(name, **KINDS[kind])
    _FUNCTIONS[name] = (created, kind)
    return created


def entry(found: sympy.Symbol) -> Entry:
    """Return the registered entry of a symbol; ValueError if it was made elsewhere."""
    known = _SYMBOLS.get(found.name)
    if known is None or known.symbol != found:
        msg = f"symbol: expected one of ersde_theory.derivations._symbols, got {found} with {found.assumptions0}"
        raise ValueError(msg)
    return known


def kind_of(head: sympy.FunctionClass) -> str:
    """Return the kind of a registered function; ValueError if it was made elsewhere."""
    known = _FUNCTIONS.get(head.__name__)
    if known is None or known[0] != head:
        msg = f"function: expected one of ersde_theory.derivations._symbols, got {head}"
        raise ValueError(msg)
    return known[1]


def _refuse_taken(name: str) -> None:
    if name in _SYMBOLS or name in _FUNCTIONS:
        msg = f"name: expected a new name, got {name!r}, which is registered"
        raise ValueError(msg)


def _half(numerator: int) -> sympy.Rational:
    return sympy.Rational(numerator, 2)


# Time, levels (lambda_t < lambda_m < lambda_s), integration variables.
t = symbol("t", "positive")
r = symbol("r", "positive")
lam = symbol("lambda", "positive")
lam_t = symbol("lambda_t", "positive", (_half(1), 1))
lam_m = symbol("lambda_m", "positive", (_half(3), 2))
lam_s = symbol("lambda_s", "positive", (2, 3))
u = symbol("u", "positive")
v = symbol("v", "positive")
w = symbol("w", "positive")
t_s = symbol("t_s", "positive", (2, 3))
t_t = symbol("t_t", "positive", (_half(1), 1))

# The process and its coordinates.
alpha = function("alpha", "positive")
sigma = function("sigma", "positive")
level = function("lambda_of", "positive")  # lambda as a function of time where it is a datum
x = symbol("x", "real")
y = symbol("y", "real")
y_s = symbol("y_s", "real")
x_s = symbol("x_s", "real")
x_0 = symbol("x_0", "real")
z = symbol("z", "real")

# Noise: h, tau^2, phi, S; the strength of noise as a number.
h = function("h", "positive")
tau2 = function("tau^2", "positive")
phi = function("varphi", "positive")
phi_2 = function("varphi_2", "positive")
S = function("S", "real")
p = symbol("p", "positive", (_half(3), 4))
p_2 = symbol("p_2", "positive", (_half(3), 4))
eta = symbol("eta", "positive", (sympy.Rational(1, 10), sympy.Rational(9, 10)))
phi_s = symbol("varphi_s", "positive", (9, 12))  # ordered so that phi/lambda increases
phi_t = symbol("varphi_t", "positive", (sympy.Rational(1, 8), sympy.Rational(1, 4)))

# Laws: a density, a law's denoiser, a path's data prediction.
q = function("q", "positive")
p_data = function("p_0", "positive")
D = function("D", "real")
D_path = function("d", "real")
mu = symbol("mu", "real")
var = symbol("c", "positive")

# Counting and steps.
n = symbol("n", "natural")
j = symbol("j", "natural")
step = symbol("h_step", "positive", (sympy.Rational(1, 10), sympy.Rational(2, 5)))

# The process by its beta, the noise scale as a function of time, coordinates of a vector.
beta = function("B", "positive")
Phi = function("Phi", "positive")
f_drift = function("f", "real")
g2 = function("g^2", "positive")
density = function("p_x", "positive")
y_1 = symbol("y_1", "real")
y_2 = symbol("y_2", "real")
y_3 = symbol("y_3", "real")

# Errors: Jacobian of the denoiser, error of a network, of a state, a bound, an integral of tau^2.
jac = symbol("J", "real", (-2, sympy.Rational(9, 10)))
delta = symbol("delta", "real")
e_s = symbol("e_s", "real")
bound = symbol("M", "positive")
fei = symbol("F", "positive", (sympy.Rational(1, 10), sympy.Rational(9, 10)))
excess = symbol("W", "nonnegative")
gap = function("Delta", "real")
E_path = function("E", "real")

# Local errors: step ratios, a smooth function by its value and derivatives, a kernel, strength of noise.
omega_1 = symbol("omega_1", "positive", (_half(1), 2))
omega_2 = symbol("omega_2", "positive", (_half(1), 2))
f_0 = symbol("f_0", "real")
f_1 = symbol("f_1", "real")
f_2 = symbol("f_2", "real")
f_3 = symbol("f_3", "real")
f_4 = symbol("f_4", "real")
m_0 = symbol("m_0", "positive")
m_1 = symbol("m_1", "real")
m_2 = symbol("m_2", "real")
strength = symbol("b", "positive")
gamma = symbol("gamma", "real")
drift = function("a", "real")
A = symbol("A", "positive")
noise_rate = function("beta_A", "positive")
f_A = symbol("f_A", "real")
Z_1 = symbol("Z_1", "real")
Z_2 = symbol("Z_2", "real")
nodes_n = symbol("n_nodes", "natural", (2, 9))

# Gaussian data of variance v_x: kappa = 1 + tau^2, the rate nu of the linear equation, its propagator.
v_x = symbol("v_x", "positive")
kappa = function("kappa", "positive")
nu = function("nu", "positive")
Psi = function("Psi", "positive")
mean_path = function("bar_y", "real")

# Known samplers: values of the data prediction, a draw, the step in the half log-SNR and ratios of steps.
D_0 = symbol("D_0", "real")
D_1 = symbol("D_1", "real")
D_2 = symbol("D_2", "real")
Z = symbol("Z", "real")
ell = symbol("ell", "positive", (sympy.Rational(1, 10), 1))
r_0 = symbol("r_0", "positive", (_half(1), 2))
r_1 = symbol("r_1", "positive", (_half(1), 2))
churn = symbol("gamma_churn", "positive", (sympy.Rational(1, 10), _half(1)))
q_3 = function("q_3", "positive")

# Posterior of a datum, steps counted, gains of a recursion.
e_0 = symbol("e_0", "real")
q_2 = function("q_2", "positive")

# A transition of the forward process.
kernel = function("K", "positive")
