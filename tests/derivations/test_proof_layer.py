"""The proof layer: what is false fails, what is inexact or foreign is refused, what is kept is trusted by content."""

from __future__ import annotations

import pytest
import sympy
from sympy import Derivative, Float, Function, Integer, Integral, Rational, Symbol, exp, sqrt

from ersde_theory.derivations import (
    Derivation,
    NonElementary,
    Outcome,
    Status,
    Step,
    Verification,
    _cache,
    _ladder,
    _symbols,
    by_name,
)
from ersde_theory.derivations import _symbols as sym


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        ((sym.x + 1) ** 2, sym.x**2 + 2 * sym.x + 1),
        (1 / sym.p - 1 / (sym.p + 1), 1 / (sym.p * (sym.p + 1))),
        (sym.lam ** (1 - sym.eta) * (sym.lam**2) ** sym.eta, sym.lam ** (1 + sym.eta)),
        (Derivative(sympy.log(sym.phi(sym.u)), sym.u), Derivative(sym.phi(sym.u), sym.u) / sym.phi(sym.u)),
        (Integral(sym.u ** (sym.p - 1), (sym.u, sym.lam_t, sym.lam_s)), (sym.lam_s**sym.p - sym.lam_t**sym.p) / sym.p),
        (sympy.sin(sym.x) ** 2, 1 - sympy.cos(sym.x) ** 2),
    ],
)
def test_identity_is_proved_and_its_broken_twin_fails(lhs, rhs):
    """Assert that a true equation is proved, and fails once a thousandth is added."""
    assert Step(lhs, rhs, "true").check(cached=False).status is Status.PROVED
    twin = Step(lhs, rhs * Rational(1001, 1000), "planted").check(cached=False)
    assert twin.status is Status.FAILS
    assert "against" in twin.detail


def test_planted_false_step_fails_when_it_holds_at_simple_points():
    """Assert that an equation true only at 0 and 1 is refuted."""
    assert Step(sym.x**3, sym.x**2, "planted").check(cached=False).status is Status.FAILS


def test_true_equation_beyond_the_ladder_is_counted_as_numerical(monkeypatch):
    """Assert that agreement at points alone is never called a proof."""
    monkeypatch.setattr(_ladder, "shown_zero", lambda *_: "")
    outcome = Step((sym.x + 1) ** 2, sym.x**2 + 2 * sym.x + 1, "true").check(cached=False)
    assert outcome.status is Status.NUMERIC
    assert outcome.holds


def test_ladder_alone_does_not_prove_broken_twins():
    """Assert that no rung shows a difference to be zero that is not."""
    planted = (
        sym.x**3 - sym.x**2,
        sqrt(sym.lam**2 + 1) - sym.lam - 1,
        exp(sym.S(sym.lam_s)) - exp(sym.S(sym.lam_t)),
        Integral(sym.phi(sym.u), (sym.u, sym.lam_t, sym.lam_s))
        - Integral(sym.phi(sym.u), (sym.u, sym.lam_m, sym.lam_s)),
        sym.phi(sym.lam_t) * Integral(sym.u, (sym.u, sym.lam_t, sym.lam_s)) - sym.phi(sym.lam_t),
    )
    assert [_ladder.shown_zero(expr) for expr in planted] == [""] * len(planted)


def test_sign_is_part_of_the_statement():
    """Assert that a true equation with a right side of the wrong sign fails."""
    assert Step(sym.lam * 2, 2 * sym.lam, "positive", sign="> 0").check(cached=False).holds
    assert not Step(sym.x * 2, 2 * sym.x, "of either sign", sign=">= 0").check(cached=False).holds
    with pytest.raises(ValueError, match=r"sign: expected '', '>= 0' or '> 0', got '<'"):
        Step(sym.x, sym.x, "", sign="<")


@pytest.mark.parametrize("planted", [Float("0.5") * sym.x, sym.x**0.5, 0.1 + sym.x])
def test_float_is_refused(planted):
    """Assert that a step with an inexact number cannot be written."""
    with pytest.raises(ValueError, match="expected exact numbers, got the Float"):
        Step(planted, sym.x, "planted")
    with pytest.raises(ValueError, match="expected exact numbers, got the Float"):
        Step(sym.x, sym.x, "planted", ((sym.phi(sym.u), planted),))


@pytest.mark.parametrize(
    "planted",
    [Symbol("lambda_s"), Symbol("x", positive=True), Symbol("new"), Function("varphi")(sym.x), Function("new")(sym.x)],
)
def test_symbol_made_elsewhere_is_refused(planted):
    """Assert that a symbol or function of the same name with other assumptions, or a new one, is refused."""
    with pytest.raises(ValueError, match=r"expected one of ersde_theory\.derivations\._symbols"):
        Step(planted, sym.x, "planted")


def test_misspelt_assumption_cannot_happen():
    """Assert that the constructor knows its kinds, refuses taken names and inexact ranges."""
    with pytest.raises(ValueError, match="kind: expected one of"):
        _symbols.symbol("fresh", "postive")
    with pytest.raises(ValueError, match="kind: expected one of"):
        _symbols.function("fresh", "natural")
    with pytest.raises(ValueError, match="expected a new name, got 'lambda_s'"):
        _symbols.symbol("lambda_s", "positive")
    with pytest.raises(ValueError, match="expected two exact rationals"):
        _symbols.symbol("fresh", "positive", (0.5, 1))
    assert "fresh" not in _symbols._SYMBOLS


def test_side_must_be_an_expression():
    """Assert that a relation or a matrix is refused."""
    with pytest.raises(TypeError, match="side: expected a SymPy expression"):
        Step(sympy.Eq(sym.x, 1), sym.x, "planted")


def test_assumed_equation_is_used_under_an_integral_and_for_any_argument():
    """Assert that a rule for phi' at u acts on phi' at other arguments and on higher derivatives."""
    rule = (Derivative(sym.phi(sym.u), sym.u), 3 * sym.phi(sym.u) / sym.u)
    second = _ladder.prepare(Derivative(sym.phi(sym.lam), (sym.lam, 2)), (rule,))
    assert sympy.simplify(second - 6 * sym.phi(sym.lam) / sym.lam**2) == 0
    inside = Integral(Derivative(sym.phi(sym.v), sym.v), (sym.v, sym.lam_t, sym.lam_s))
    assert not _ladder.prepare(inside, (rule,)).has(Derivative)


def test_risch_tells_elementary_from_not():
    """Assert that the statement fails where an elementary antiderivative exists."""
    assert NonElementary(exp(sym.w) / sym.w, sym.w, "exponential integral").check(cached=False).holds
    assert not NonElementary(exp(sym.w) / (exp(sym.w) + 10), sym.w, "logarithm").check(cached=False).holds


def test_cache_returns_what_was_stored_for_the_same_content_only(tmp_path, monkeypatch):
    """Assert that an outcome is reused, by content, and that the content decides."""
    monkeypatch.setenv(_cache.VARIABLE, str(tmp_path))
    step = Step((sym.x + 1) ** 2, sym.x**2 + 2 * sym.x + 1, "first wording")
    first = step.check()
    assert len(list(tmp_path.rglob("*.json"))) == 1
    monkeypatch.setattr(_ladder, "shown_zero", lambda *_: pytest.fail("proved again"))
    assert Step(step.lhs, step.rhs, "another wording").check() == first
    with pytest.raises(pytest.fail.Exception, match="proved again"):
        Step(step.lhs, sym.x * (sym.x + 2) + 1, "other content").check()


@pytest.mark.parametrize("text", ["", "{", '["certain", "detail"]', '["proved"]', "[1, 2]", "null"])
def test_corrupt_cache_is_ignored_and_rewritten(tmp_path, monkeypatch, text):
    """Assert that a damaged entry neither raises nor is believed."""
    monkeypatch.setenv(_cache.VARIABLE, str(tmp_path))
    step = Step(sym.x + sym.x, 2 * sym.x, "sum")
    good = step.check()
    (path,) = tmp_path.rglob("*.json")
    path.write_text(text)
    assert step.check() == good
    assert _cache.load(step.key) == (good.status.value, good.detail)


def test_false_step_is_not_saved_by_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    """Assert that a cache folder which is a file changes nothing."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(_cache.VARIABLE, str(blocked))
    assert not Step(sym.x, 2 * sym.x, "planted").check().holds
    assert Step(sym.x * 2, 2 * sym.x, "true").check().holds


def test_cache_key_depends_on_the_prover(monkeypatch):
    """Assert that a change of the prover's source makes every kept outcome void."""
    before = _cache.key(sym.x)
    monkeypatch.setattr(_cache, "prover_version", lambda: "changed")
    assert _cache.key(sym.x) != before


def test_unknown_derivation_suggests_the_nearest():
    """Assert that a misspelt name is answered with the right one."""
    with pytest.raises(ValueError, match=r"got 'marginal'; did you mean 'marginals'\?"):
        by_name("marginal")


def test_zero_length_integral_vanishes():
    """Assert that an integral over nothing is 0, and one over something is not."""
    assert _ladder.carry_out(Integral(sym.phi(sym.u), (sym.u, sym.lam_t, sym.lam_t))) == Integer(0)
    assert _ladder.carry_out(Integral(sym.phi(sym.u), (sym.u, sym.lam_t, sym.lam_s))) != 0


def test_derivative_of_a_product_is_bracketed_and_of_a_function_is_not():
    """Assert that the page says what is differentiated."""
    product = Step(Derivative(sym.x * sym.q(sym.x, sym.lam), sym.x), sym.x, "")
    assert r"\frac{\partial}{\partial x} \left(x q" in product.latex()
    assert (
        r"\frac{d}{d \lambda} \varphi{\left(\lambda \right)}"
        in Step(Derivative(sym.phi(sym.lam), sym.lam), 1, "").latex()
    )


def test_page_shows_the_names_of_the_prose():
    """Assert that the step length is h, and that names which are not renamed keep their subscripts."""
    shown = Step(sym.step**2 * sym.lam_s + Derivative(sym.level(sym.t), sym.t), sym.x, "").latex()
    assert shown == r"h^{2} \lambda_{s} + \frac{d}{d t} \lambda{\left(t \right)} = x"
    assert set(_symbols.SHOWN) <= set(_symbols._SYMBOLS) | set(_symbols._FUNCTIONS)


def test_derivative_at_a_function_of_time_is_evaluated():
    """Assert that the chain rule through a function of time is proved, and refuted at a point where it is wrong."""
    inside = sym.phi(sym.level(sym.t))
    chain = Derivative(inside, sym.level(sym.t)) * Derivative(sym.level(sym.t), sym.t)
    assert Step(Derivative(inside, sym.t), chain, "chain rule").check(cached=False).status is Status.PROVED
    wrong = Step(Derivative(inside, sym.t), 2 * chain, "planted").check(cached=False)
    assert wrong.status is Status.FAILS
    assert "against" in wrong.detail


@pytest.fixture
def page():
    """Return a derivation with everything that a page can have."""
    steps = (Step(sympy.exp(sym.x) ** 2, exp(2 * sym.x), "Powers -- of $e$"),)
    return Derivation("p", "A -- B", "``It'' is $f''$", ("$x$ real",), steps, "Done.", shorthand=((sym.x**2, sym.y),))


def test_notebook_shows_the_page_with_typeset_quotes_and_formulas_untouched(page):
    """Assert that a derivation shows statement, assumptions, steps and result as Markdown."""
    shown = page._repr_markdown_()
    assert shown.startswith(
        "### A \u2013 B\n\n**Statement.** \u201cIt\u201d is $f''$\n\n**Assumptions.**\n\n- $x$ real"
    )
    assert f"1. Powers \u2013 of $e$\n\n   $${page.steps[0].latex()}$$" in shown
    assert "$$y := x^{2}$$" in shown
    assert shown.endswith("**Result.** Done.\n\n*Derivation `p`. Source: ours. Claims of the ledger: none.*")


def test_notebook_shows_the_status_of_every_step_of_a_checked_derivation(page):
    """Assert that a proof and a failure are told apart on the page."""
    proved = page.check(cached=False)._repr_markdown_()
    assert "1. Powers \u2013 of $e$ *(proved)*" in proved
    failed = Verification(page, (Outcome(Status.FAILS, "planted"),))._repr_markdown_()
    assert "*(fails)*" in failed
    assert "proved" not in failed
