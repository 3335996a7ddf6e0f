r"""The forward process: marginals against drift and diffusion, lambda as its clock, canonical coordinates."""

from __future__ import annotations

from sympy import Derivative, Integer, Integral, exp, log, sqrt

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._proof import Derivation, Step, named

_t, _r, _lam = sym.t, sym.r, sym.lam
_alpha, _sigma = sym.alpha(_t), sym.sigma(_t)
_ratio = _sigma / _alpha
_f = Derivative(log(_alpha), _t)
_g2 = Derivative(_sigma**2, _t) - 2 * _f * _sigma**2
_grown = _alpha**2 * Integral(sym.g2(_r) / sym.alpha(_r) ** 2, (_r, 0, _t))
_kernel = exp(-((sym.x - _alpha * sym.x_0) ** 2) / (2 * _sigma**2)) / _sigma

FORWARD = Derivation(
    name="forward-process",
    title="Marginals, drift and diffusion of the forward process",
    statement=r"A linear SDE $dx = f x\,dt + g\,dw$ has the marginals $x_t = \alpha_t x_0 + \sigma_t\varepsilon$ iff "
    r"$f = d\ln\alpha/dt$ and $g^2 = d\sigma^2/dt - 2f\sigma^2 = \alpha^2\,d\lambda^2/dt$, $\lambda = \sigma/\alpha$.",
    assumptions=(
        r"$\alpha, \sigma > 0$ differentiable, otherwise arbitrary; $\alpha_0 = 1$, $\sigma_0 = 0$.",
        r"A linear SDE has a Gaussian transition, so its mean and variance determine it.",
    ),
    steps=(
        Step(
            Derivative(_alpha * sym.x_0, _t),
            _f * (_alpha * sym.x_0),
            r"The mean $m = \alpha x_0$ obeys $m' = f m$ iff $f = (\ln\alpha)'$",
        ),
        Step(
            Derivative(_grown, _t),
            2 * _f * _grown + sym.g2(_t),
            r"The variance $v = \alpha^2\int g^2/\alpha^2$ solves $v' = 2fv + g^2$, so $v = \sigma^2$ iff "
            r"$g^2 = (\sigma^2)' - 2f\sigma^2$",
        ),
        Step(_g2, _alpha**2 * Derivative(_ratio**2, _t), r"The same, with $\lambda = \sigma/\alpha$ as the clock"),
        Step(
            _g2,
            2 * _sigma**2 * (Derivative(_sigma, _t) / _sigma - Derivative(_alpha, _t) / _alpha),
            r"As a logarithmic rate, $g^2 = 2\sigma^2\,d\ln\lambda/dt$: real noise iff $\lambda$ increases",
        ),
        Step(
            Derivative(_kernel, _t),
            -Derivative(_f * sym.x * _kernel, sym.x) + _g2 / 2 * Derivative(_kernel, (sym.x, 2)),
            r"The Gaussian kernel solves the Fokker--Planck equation of $f$ and $g$; by linearity so does every "
            r"$p_t = \int p_{\mathrm{data}}(x_0)\,N(x; \alpha x_0, \sigma^2)\,dx_0$",
        ),
        Step(
            Derivative(exp(Integral(sym.f_drift(_r), (_r, 0, _t))), _t),
            sym.f_drift(_t) * exp(Integral(sym.f_drift(_r), (_r, 0, _t))),
            r"Back: $\alpha_t = \exp\int_0^t f$ has the drift $f$",
        ),
        Step(
            _alpha**2 * Derivative(Integral(sym.g2(_r) / sym.alpha(_r) ** 2, (_r, 0, _t)), _t),
            sym.g2(_t),
            r"Back: $\lambda^2 = \int_0^t g^2/\alpha^2$, that is $\sigma^2 = \alpha^2\lambda^2$, has the diffusion $g$",
        ),
    ),
    result=r"$(\alpha, \sigma)$ and $(f, g)$ determine each other; the noise enters through $d\lambda^2$ alone.",
    source="abstract v3; Särkkä and Solin, Applied Stochastic Differential Equations, ch. 6",
    claims=("marginals", "vp-ve-parity"),
    shorthand=((_g2, named("g^2", _t)), (_f, named("f", _t)), (_kernel, named("N", sym.x, _t))),
)

_B = sym.beta(_t)
_vp = ((sym.alpha(_t), exp(-_B / 2)), (sym.sigma(_t), sqrt(1 - exp(-_B))))
_ve = ((sym.alpha(_t), _t**0),)

PROCESSES = Derivation(
    name="named-processes",
    title="Drift and diffusion of the named processes",
    statement=r"VP: $\alpha = e^{-B/2}$, $\sigma^2 = 1 - e^{-B}$; VE: $\alpha = 1$; rectified flow: "
    r"$\alpha = 1 - t$, $\sigma = t$.",
    assumptions=(r"$B(t) = \int_0^t\beta$ for VP.",),
    steps=(
        Step(_f, -Derivative(_B, _t) / 2, r"VP: $f = -\beta/2$", _vp),
        Step(_g2, Derivative(_B, _t), r"VP: $g^2 = \beta$", _vp),
        Step(_ratio**2, exp(_B) - 1, r"VP: the clock is $\lambda^2 = e^{B} - 1$", _vp),
        Step(_g2, 2 * _sigma * Derivative(_sigma, _t), r"VE: $g^2 = d\sigma^2/dt$, and $\lambda = \sigma$", _ve),
        Step(
            _g2,
            2 * _t / (1 - _t),
            r"Rectified flow: $g^2 = 2t/(1-t)$, singular at $t = 1$ where $\alpha = 0$ and $\lambda = \infty$",
            ((sym.alpha(_t), 1 - _t), (sym.sigma(_t), _t)),
        ),
        Step(
            _f,
            -1 / (1 - _t),
            r"Rectified flow: $f = -1/(1-t)$",
            ((sym.alpha(_t), 1 - _t), (sym.sigma(_t), _t)),
        ),
    ),
    result=r"Each named process is one choice of $(\alpha,\sigma)$; no other page depends on which.",
    claims=("vp-ve-parity",),
    shorthand=((_g2, named("g^2", _t)), (_f, named("f", _t))),
)

_X = sym.x / _alpha
_q_of_x = sym.q(_X, sym.level(_t))
_T, _dlam = sym.tau2(_lam), Derivative(sym.level(_t), _t)
_by_level = ((sym.sigma(_t), sym.level(_t) * sym.alpha(_t)),)
_normal = exp(-((sym.y - sym.x_0) ** 2) / (2 * _lam**2)) / _lam
_data = (sym.x_0, -sym.bound, sym.bound)
_smooth = Integral(sym.p_data(sym.x_0) * _normal, _data)

CANONICAL = Derivation(
    name="canonical-coordinates",
    title="Canonical coordinates: one equation for every Gaussian process",
    statement=r"With $y = x/\alpha$ and $\lambda = \sigma/\alpha$ the ER-SDE "
    r"$dx = [f x - \tfrac12(g^2+h^2)\nabla\log p_t]\,dt + h\,d\bar w$ becomes "
    r"$dY = (\varphi'/\varphi)(Y - D)\,d\lambda + \sqrt{2\lambda(\lambda\varphi'/\varphi - 1)}\,d\bar W$.",
    assumptions=(
        r"$h^2 = \tau^2 g^2$ and $\varphi'/\varphi = (1+\tau^2)/\lambda$ (derivation noise-scale).",
        r"Itô's formula for $y = x/\alpha$ has no second-order term: $\alpha$ depends on $t$ alone.",
        r"Where an integral over the data is written they lie in $[-M, M]$, with any $M$; their density $p_0$ is "
        r"arbitrary.",
    ),
    steps=(
        Step(
            (_f * sym.x / _alpha) - sym.x * Derivative(_alpha, _t) / _alpha**2,
            Integer(0),
            r"The forward drift of $y$ is $f x/\alpha - x\alpha'/\alpha^2 = 0$: $y$ is a Brownian motion",
        ),
        Step(
            _g2 / _alpha**2,
            2 * sym.level(_t) * _dlam,
            r"its quadratic variation is $(g^2/\alpha^2)\,dt = d\lambda^2$",
            _by_level,
        ),
        Step(
            Derivative(log(_q_of_x / _alpha), sym.x),
            Derivative(log(_q_of_x), sym.x),
            r"$p_t(x) = q_\lambda(x/\alpha)/\alpha$: the Jacobian drops out of the score, so "
            r"$\nabla_x\log p_t = \alpha^{-1}\nabla_y\log q_\lambda$",
        ),
        Step(
            _normal * (sym.x_0 - sym.y) / _lam**2,
            Derivative(_normal, sym.y),
            r"Tweedie for one datum: the kernel's score is $(x_0 - y)/\lambda^2$",
        ),
        Step(
            _smooth * sym.y + _lam**2 * Derivative(_smooth, sym.y),
            Integral(sym.x_0 * sym.p_data(sym.x_0) * _normal, _data),
            r"Averaged over the data and divided by $q_\lambda$: $D = E[x_0\mid y] = y + \lambda^2\nabla\log "
            r"q_\lambda$",
        ),
        Step(
            Derivative(_normal, _lam),
            _lam * Derivative(_normal, (sym.y, 2)),
            r"The kernel, hence every $q_\lambda$, obeys the heat equation $\partial_\lambda q = \lambda\,\Delta q$",
        ),
        Step(
            -(_g2 + sym.tau2(_t) * _g2) / (2 * _alpha**2) * (sym.D(sym.y, _t) - sym.y) / sym.level(_t) ** 2,
            (1 + sym.tau2(_t)) / sym.level(_t) * (sym.y - sym.D(sym.y, _t)) * _dlam,
            r"The drift of the ER-SDE in $y$ is $-\tfrac12(g^2+h^2)\alpha^{-2}\nabla_y\log q_\lambda$, where $fx$ has "
            r"dropped out as above and the score is $(D-y)/\lambda^2$",
            _by_level,
        ),
        Step(
            (1 + _T) / _lam * (sym.y - sym.D(sym.y, _lam)),
            Derivative(sym.phi(_lam), _lam) / sym.phi(_lam) * (sym.y - sym.D(sym.y, _lam)),
            r"In terms of $\varphi$, per $d\lambda$",
            ((Derivative(sym.phi(_lam), _lam), sym.phi(_lam) * (1 + _T) / _lam),),
        ),
        Step(
            sym.tau2(_t) * _g2 / _alpha**2,
            2 * sym.level(_t) * sym.tau2(_t) * _dlam,
            r"The noise $h/\alpha$ has quadratic variation $2\lambda\tau^2\,d\lambda$",
            _by_level,
        ),
        Step(
            2 * _lam * (_lam * Derivative(sym.phi(_lam), _lam) / sym.phi(_lam) - 1),
            2 * _lam * _T,
            r"In terms of $\varphi$, $2\lambda\tau^2 = 2\lambda(\lambda\varphi'/\varphi - 1)$",
            ((Derivative(sym.phi(_lam), _lam), sym.phi(_lam) * (1 + _T) / _lam),),
        ),
    ),
    result=r"The equation in $(y,\lambda)$ knows nothing of $\alpha$ and $\sigma$: VP, VE, EDM and rectified flow "
    r"differ "
    r"in the grid of $\lambda$ and in where a network was trained, and in nothing else.",
    source="abstract v3",
    claims=("vp-ve-parity",),
    shorthand=(
        (_g2, named("g^2", _t)),
        (_f, named("f", _t)),
        (_smooth, named("q", sym.y, _lam)),
        (_normal, named("N", sym.y, _lam)),
    ),
)

DERIVATIONS = (FORWARD, PROCESSES, CANONICAL)
