"""What claims take from the derivations: proofs as evidence, mutated steps as broken twins, predicted errors."""

from __future__ import annotations

from collections.abc import Sequence

from ersde_theory.claims._claim import Evidence, Twin

PREDICTION_TOLERANCE = 0.02
_BROKEN = 1.05  # a constant off by 5 % must not pass


def proofs(names: Sequence[str]) -> list[Evidence]:
    """Return for each derivation how many of its steps are not proved; a number does not count as a proof."""
    from ersde_theory.derivations import Status, by_name

    found = []
    for name in names:
        verification = by_name(name).check()
        steps = len(verification.outcomes)
        left = steps - verification.count(Status.PROVED)
        what = f"derivation {name}: steps not proved, of {steps}"
        found.append(Evidence(what, float(left), 0.0, "= 0", left == 0))
    return found


def mutated(name: str, number: int, kind: str = "factor") -> Twin:
    """Return the twin that has one thing wrong in one step of a derivation: its check must fail."""
    from ersde_theory.derivations import Step, by_name, mutants

    step = by_name(name).steps[number - 1]
    if not isinstance(step, Step):
        msg = f"number: expected that of an equation of {name}, got {number}"
        raise ValueError(msg)
    wrong = next(item.step for item in mutants.of_step(step) if item.kind == kind)
    caught = not wrong.check(cached=False).holds
    told = {"factor": "off by 1/1000", "sign": "with a sign flipped", "dropped": "with a term left out"}[kind]
    return Twin(f"derivation {name}, step {number} {told}", float(caught), caught)


def predicted(label: str, n_steps: int, measured: float, constant: float, at: float) -> Evidence:
    """Return how far the measured error is from the leading term that the derivations predict."""
    ratio = float(measured / at)
    return Evidence(
        f"{label}: measured over predicted error at {n_steps} steps (predicted constant {constant:.4g})",
        ratio,
        0.0,
        f"1 ± {PREDICTION_TOLERANCE:g}",
        fits(ratio),
    )


def fits(ratio: float) -> bool:
    """Return whether a measured error is the predicted one within the tolerance."""
    return abs(ratio - 1.0) <= PREDICTION_TOLERANCE


def wrong_constants(evidence: Sequence[Evidence]) -> Twin:
    """Return the twin whose predicted constants are 5 % larger: none of them may fit."""
    best = min((abs(item.value / _BROKEN - 1.0) for item in evidence), default=0.0)
    caught = bool(evidence) and not any(fits(item.value / _BROKEN) for item in evidence)
    return Twin("predicted constants 5 % larger: least deviation", best, caught)


def of_variance(scheme: str, member: str, n_steps: int, measured: float, start: str = "increasing") -> Evidence:
    """Return the evidence on the error of the output variance."""
    from ersde_theory.derivations.predicted_errors import variance_error

    found = variance_error(scheme, member, start=start)
    return predicted(f"{scheme}, {member}", n_steps, measured, found.constant, found.at(n_steps))


def of_mean_square(scheme: str, member: str, n_steps: int, rms: float) -> Evidence:
    """Return the evidence on the mean-square error along a coupled path, for k >= 2."""
    from ersde_theory.derivations.predicted_errors import squared_strong_error

    found = squared_strong_error(member)
    return predicted(f"{scheme}, {member}, mean square", n_steps, rms**2, found.constant, found.at(n_steps))
