"""Numbers of what is said about schemes and orders."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ersde_theory import TimeGrid
from ersde_theory.catalogue import scheme
from tests.docs._numbers import Page, Sentence, Table, place, record, table

DEFAULT, RELEASED, ONE_ORDER = "PEC, variable order", "ER-SDE-3 as released", "PEC-3-3, lambda"
LITTLE_NOISE, MIDDLE = slice(0, 2), slice(1, 5)  # φ = ode and exp_power; 15 to 50 evaluations
BETTER = "docs/better_schemes.md"


def gains(name: str, of: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a scheme's gains without noise and in law at 15 to 50 evaluations, and which are resolved."""
    found = record(name)
    k, (law, error) = place(found, "scheme", of), (found[key] for key in ("law", "law_error"))
    resolved = ~(law[LITTLE_NOISE, :, k, MIDDLE] < 2.0 * error[LITTLE_NOISE, :, k, MIDDLE])
    in_law = np.isfinite(law[LITTLE_NOISE, :, k, MIDDLE]) | np.array([True, False])[:, None, None]
    return found["gain"][LITTLE_NOISE, :, k, MIDDLE][in_law], (resolved | ~np.array([False, True])[:, None, None])[
        in_law
    ]


def rms_above(name: str, of: str, where: slice) -> float:
    """Return by how many per cent the RMS on a path with noise is above the released solver's, at most."""
    found = record(name)
    rms = found["rms"][place(found, "noise_scale", "exp_power")]
    return 100.0 * float(
        (rms[:, place(found, "scheme", of), where] / rms[:, place(found, "scheme", RELEASED), where]).max() - 1
    )


def better_schemes() -> Iterator[Sentence]:
    """Give what docs/better_schemes.md says apart from its tables."""
    found, unseen = record("comparison"), record("held_out")
    yield "in {:.0f} and {:.0f} minutes of one core", found.seconds / 60, unseen.seconds / 60
    k = {name: place(found, "scheme", name) for name in found["scheme"].tolist()}
    gain, error = found["gain"], found["gain_error"]
    digits, spectrum = place(found, "problem", "digits"), place(found, "problem", "spectrum")
    yield "(the least is {:.2f})", np.nanmin(gain[LITTLE_NOISE, :digits, k[DEFAULT], MIDDLE])
    steps = record("network-one-step")
    at = np.sort(np.argsort(steps["exact_error"][place(steps, "noise_scale", "ode")].mean(axis=(1, 2)))[-2:])
    yield "with its exact denoiser, at λ = {:g} and {:g}", *steps["level"][at]
    pairs = np.stack([gain[0, digits, :, MIDDLE], error[0, digits, :, MIDDLE]], axis=-1)
    yield (
        "it has {:.2f} ± {:.2f}, {:.2f} ± {:.2f}, {:.2f} ± {:.2f} and {:.1f} ± {:.1f} at 15, 20, 30 and 50",
        *pairs[k[DEFAULT]].ravel(),
    )
    yield "has {:.2f} ± {:.2f}, {:.2f} ± {:.2f}, {:.2f} ± {:.2f} and {:.2f} ± {:.2f}", *pairs[k[ONE_ORDER]].ravel()
    yield (
        "At 20 evaluations {:.1f} % of the paths end nearer to another digit ({:.1f} % with PEC-3-3, {:.1f} % with the "
        "released solver)",
        *100.0 * found["switched"][0, digits, [k[DEFAULT], k[ONE_ORDER], k[RELEASED]], 2],
    )
    yield "{:.2f} against {:.2f} on the spectrum", *gain[0, spectrum, [k[ONE_ORDER], k[DEFAULT]], 0]
    early = slice(1, 3)
    yield (
        "up to {:.0f} % above the released solver's (`mixture` at 15), in the next section up to {:.0f} %.",
        *(rms_above(name, DEFAULT, early) for name in ("comparison", "held_out")),
    )
    yield (
        "which is {:.0f} % above at most in both",
        max(rms_above(n, ONE_ORDER, slice(None)) for n in ("comparison", "held_out")),
    )
    much = gain[place(found, "noise_scale", "reverse_sde"), spectrum, k[DEFAULT], MIDDLE]
    yield "the gain is {:.2f}, {:.2f}, {:.2f} and {:.2f} at 15, 20, 30 and 50 evaluations", *much
    yield "from {:,} coupled paths", found.settings["paths"]["mixture"]
    yield from distances_of_laws()
    yield from held_out()
    yield from variables()
    within = [k[name] for name in ("Adams-3", DEFAULT, ONE_ORDER, "PEC-3-3, arctan(2)", "PEC-3-4, ln lambda")]
    above = found["rms"][1, spectrum][within, 3:] / found["floor"][1, spectrum, 3:]
    yield "are within {:.0f} % of the floor", 100.0 * (above.max() - 1.0)


def distances_of_laws() -> Iterator[Sentence]:
    """Give the gains by other distances."""
    found = record("law_distances")
    gain = found["gain"]
    yield "exp_power, {:,} coupled paths", found.settings["paths"]
    yield (
        "Wasserstein-1 of projections {:.1f}, {:.1f}, {:.1f} and {:.1f} on `mixture`, {:.1f}, {:.1f}, {:.1f} and "
        "{:.1f} on `mixture, wide`",
        *gain[:, place(found, "measure", "Wasserstein-1")].ravel(),
    )
    energy = place(found, "measure", "energy")
    yield (
        "root of the energy distance {:.1f}, {:.1f}, {:.1f} and {:.1f}, and {:.1f}, {:.1f}, {:.1f} and {:.1f}.",
        *gain[:, energy].ravel(),
    )
    ratio = (found["error"] / found["uncertainty"])[:, energy, place(found, "scheme", DEFAULT)]
    late = np.concatenate([ratio[0, 1:], ratio[1, 2:]])
    yield "energy distances are {:.1f} to {:.1f} of their standard errors", late.min(), late.max()


def held_out() -> Iterator[Sentence]:
    """Give the counts of the section where nothing was chosen."""
    gain, resolved = gains("held_out", DEFAULT)
    yield (
        "Of the {} gains at 15 to 50 evaluations without noise and in law {} are below 2, and {} are not resolved",
        gain.size,
        int((gain[resolved] < 2.0).sum()),
        int((~resolved).sum()),
    )
    low = gain[resolved & (gain < 2.0)]
    found = record("held_out")
    law = found["gain_error"][1, place(found, "problem", "five modes, short"), place(found, "scheme", DEFAULT), 2]
    yield (
        "{:.2f} and {:.2f} at 15 and 20 on the narrow modes with rho = 5, {:.2f} at 15 on the digits with rho = 5, and "
        "{:.2f} ± {:.2f} in law",
        *low,
        law,
    )
    gain, resolved = gains("held_out", ONE_ORDER)
    digits = found["gain"][0, 4:, place(found, "scheme", ONE_ORDER), MIDDLE]
    low = gain[resolved & (gain < 2.0)]
    yield "they are {}, down to {:.2f}, {} of them on the digits", low.size, low.min(), int((digits < 2.0).sum())


def variables() -> Iterator[Sentence]:
    """Give what is said of the interpolation variables."""
    found = record("comparison")
    at_10 = 100.0 * found["one_step"][:, :, place(found, "part", "prediction"), 0]
    log, linear, narrow = (place(found, "variable", name) for name in ("log", "linear", "arctan(2)"))
    gain = found["gain"][LITTLE_NOISE, :, place(found, "scheme", "PEC-3-4, ln lambda"), 0]
    yield (
        "its predictions are off by {:.0f} to {:.0f} % of s (λ: {:.0f} to {:.0f} %), and its gains are {:.2f} to "
        "{:.2f}",
        *(edge for row in (at_10[log], at_10[linear], gain) for edge in (row.min(), row.max())),
    )
    shown_at = [0, 2, 4]
    yield (
        "{:.1f} at 10 evaluations, {:.1f} at 20, {:.1f} at 50 (λ: {:.1f}, {:.1f}, {:.1f})",
        *found["amplification"][narrow, shown_at],
        *found["amplification"][linear, shown_at],
    )
    lengths = -np.diff(np.log(TimeGrid.karras(20, 80.0, 0.002).levels))
    yield "({:.2f} at the end, {:.2f} at the start)", lengths[-1], lengths[0]
    at_20 = found["one_step"][:, 3, 0, 2]
    yield (
        "(c = 0.5, s = 3: {:.0f} times the error of λ)",
        at_20[place(found, "variable", "arctan(0.5)")] / at_20[linear],
    )


def tables_of_better_schemes() -> Iterator[tuple[str, float]]:
    """Give entry and number of the tables of all schemes, of variables and of the floor."""
    found = record("comparison")
    wanted = [(phi, problem) for phi in (0, 1) for problem in range(4)]
    for name, *entries in table(BETTER, "| scheme | spectrum, ode"):
        k = place(found, "scheme", name)
        for (phi, problem), entry in zip(wanted, entries, strict=True):
            if entry == "–":
                assert np.isnan(found["gain"][phi, problem, k, 2])
                continue
            gain, _, error = entry.partition(" ± ")
            yield gain, found["gain"][phi, problem, k, 2]
            if error:
                yield error, found["gain_error"][phi, problem, k, 2]
    for name, *entries, growth in table(BETTER, "| variable | s = 0.1"):
        k = place(found, "variable", name)
        errors = 100.0 * found["one_step"][k, :, :, 2].ravel()
        yield from zip([part for entry in entries for part in entry.split(" / ")], errors, strict=True)
        yield growth, found["amplification"][k, 2]
    floor = found["floor"][1, 0]
    (_, *entries), *rows = table(BETTER, "| RMS on the path over the floor")
    yield from zip(entries, floor, strict=True)
    for name, *entries in rows:
        yield from zip(entries, found["rms"][1, 0, place(found, "scheme", name)] / floor, strict=True)


def laboratory() -> Iterator[Sentence]:
    """Give what docs/laboratory.md says of random trials and of the published solvers."""
    names = ("order-trials", "order-trials-unseen")
    for name in names:
        told = record(name).settings
        first, trials = told["first"], told["trials"]
        yield (
            "| {} to {} | {} | {} ({:g} %) | {} of {} | [records/" + name + ".json]",
            *(first, first + trials - 1, told["wrong"], told["undecided"], round(100 * told["undecided"] / trials, 1)),
            *(told["twins"] - told["twins_missed"], told["twins"]),
        )
    yield "0 wrong of {} bounds the rate of wrong verdicts by {:.0f} % (95 %)", 100, 100 * (1 - 0.05 ** (1 / 100))
    open_ones = [
        (found["trial_kind"][i], scheme(str(found["trial_scheme"][i])).orders.ode or 0.0)
        for found in map(record, names)
        for i in np.flatnonzero(found["trial_outcome"] == "undecided")
    ]
    late = sum(kind == "weak" and order > 2.0 for kind, order in open_ones)
    yield "What stays undecided are, {} times of {}, weak orders on mixtures", late, len(open_ones)
    first = record(names[0])
    numbers = [i for i in (19, 69)]
    assert (first["trial_outcome"][numbers] == "undecided").all()
    yield (
        "trials {} and {}, which ask for none, have order {:.2f} ± {:.2f} and {:.2f} ± {:.2f}",
        *numbers,
        *np.stack([first["trial_order"][numbers], first["trial_half_width"][numbers]], axis=1).ravel(),
    )
    yield from headline()


def headline() -> Iterator[Sentence]:
    """Give what is said below the table of the published solvers."""
    found = record("headline-orders")
    ode = found["panel"] == "ode"
    yield "both have order {:.2f} ± {:.2f} or better", found["order"][ode].mean(), found["half_width"][ode].max()
    rms, others = (found["error"][found["quantity"] == name] for name in ("RMS, end", "RMS of the others, end"))
    share = rms[np.flatnonzero(found["problem"][found["quantity"] == "RMS, end"] == "separated")] / others
    yield "without them the root mean square is {:.1f} to {:.1f} times smaller", np.nanmin(share), np.nanmax(share)
    wide = np.flatnonzero((found["panel"] == "weak") & found["asked"] & ~found["meets"])
    assert wide.size == 1
    yield "has the interval {:.2f} ± {:.2f}", *found["order"][wide], *found["half_width"][wide]
    law = (found["method"] == "propagated law") & (found["noise_scale"] == "reverse_sde")
    turns = np.flatnonzero((found["error"][law, :-1] * found["error"][law, 1:] < 0.0).any(axis=0))
    yield "change sign at {} to {} steps", found["steps"][turns[0]], found["steps"][turns[-1] + 1]
    effort = found.settings["effort"]
    rungs = len(effort["multilevel_steps"])
    yield "plain Monte Carlo with {:,} paths a rung", effort["plain_paths"]
    off = np.abs(found["gain_measured"] / found["gain_from_variances"] - 1.0).max()
    yield "it comes out the same within {:.1f} %", 100.0 * off
    seconds = found["gain_in_core_seconds"] / found["gain_measured"]
    yield "In core seconds it is {:.1f} to {:.1f} of that", seconds.min(), seconds.max()
    cases = found["plain_deviation"].size
    yield (
        "agree with those of plain Monte Carlo ({} numbers) within {:.1f} standard errors, with the propagated law "
        "({}) within {:.1f}",
        *(cases * rungs, found["plain_deviation"].max(), cases * (rungs - 1), found["law_deviation"].max()),
    )
    levels = (found["method"] == "coupled levels") & (found["noise_scale"] == "reverse_sde")
    undecided = sum(said.startswith("undecided") for said in found["said"][levels].tolist())
    assert not (found["half_width"][levels] <= 0.1).any()
    yield (
        "With φ = x² {:.1e} and {:.1e} path-steps leave {} of the {} ladders of coupled levels undecided",
        *found["path_steps"][:2],
        *(undecided, int(levels.sum())),
    )
    yield (
        "The study takes {:.0f} core seconds, in {:.0f} s",
        found.settings["core_seconds"],
        found.seconds,
    )


PAGES: dict[str, Page] = {
    BETTER: better_schemes,
    "docs/laboratory.md": laboratory,
}
TABLES: dict[str, Table] = {BETTER: tables_of_better_schemes}
