"""Numbers of what is said about networks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.docs._numbers import Page, Sentence, Table, place, record, table

MEASURED = "docs/network_measurements.md"


def digits_networks() -> Iterator[Sentence]:
    """Give what the card of the digits networks says around its table."""
    card, edm, classifier = (
        record("digits-networks"),
        record("digits-training-edm"),
        record("digits-training-classifier"),
    )
    (large,), small = set(card["parameters"].tolist()), classifier.settings["parameters"]
    assert edm.settings["parameters"] == large
    yield (
        "| parameters | {:,} ({:.2f} MB, float32) | {:,} | {:,} ({:.2f} MB) |",
        *(large, 4e-6 * large, large, small, 4e-6 * small),
    )
    told = edm.settings
    yield "σ_data = {:.4f} (measured from the pixels)", told["sigma_data"]
    yield (
        "{:,} steps of {} images, Adam ({}, {}), peak rate {} after {} steps, half a cosine to 0; the weights that "
        "ship are the moving average with decay {}. Classifier: {:,} steps, images moved by at most a pixel, {}.",
        *(told["steps"], told["batch"], *told["betas"], told["learning_rate"], told["warm_up"], told["average"]),
        *(classifier.settings["steps"], classifier.settings["learning_rate"]),
    )
    again = {kind: record(f"digits-training-{kind}-again") for kind in ("edm", "flow")}
    yield "one thread each: {:.1f} minutes for both", max(a.seconds for a in again.values()) / 60
    apart = (abs(a["loss"] / record(f"digits-training-{kind}")["loss"] - 1.0).max() for kind, a in again.items())
    yield "agree with those of the networks that ship to {:.0e} (edm) and {:.0e} (flow)", *apart
    yield "at {:,} draws y = x₀ + λε per level", card.settings["images"]
    levels, error = card["noise_level"], card["error"]
    worse = error / card["trivial_error"].min(axis=0)
    peak = int(error[0].argmax())
    yield "The error peaks at λ ≈ {:.1f}, at about {:.2f} per pixel", levels[peak], error[0, peak]
    yield "by up to a factor of {:.0f} (edm) and {:.0f} (flow) at λ = {:.0f}", *worse[:, -1], levels[-1]
    high = error[:, levels > 5.0].min(axis=1)
    yield "a network keeps an error floor of {:.3f} and {:.3f}", *high
    yield "Below λ = {:.3f} (edm) and {:.3f} (flow)", *(levels[int((row < 1.0).argmax())] for row in worse)
    yield "The flow network is up to {:.0f} times worse than edm there", (error[1] / error[0])[levels < 0.01].max()
    yield "An evaluation costs {:.1f} MFLOP an image", card["operations"][0] / 1e6
    time = card["evaluation"]
    yield (
        "{} images took {:.0f} ms in float32 and {:.0f} ms in float64",
        *(card.settings["timed_batch"], time[0, 0], time[1, 0]),
    )
    yield "{:.0f} and {:.0f} ms for the flow network", *time[:, 1]
    accuracy, spread = 100.0 * card["accuracy"], 100.0 * card["accuracy_se"]
    yield (
        "right on {:.1f} ± {:.1f} % of {} held-out images, and on {:.1f} % of its {:,} training images",
        *(accuracy[1], spread[1], card["split_images"][1], accuracy[0], card["split_images"][0]),
    )
    yield "{:,} images with pixels in [−1, 1]", card["split_images"].sum()


def network_measurements() -> Iterator[Sentence]:
    """Give what docs/network_measurements.md says around its tables, of which two are counted here."""
    whole, score = record("network-global-error"), record("network-score-error")
    yield from forgetting()
    yield from flow_network()
    yield "(Runge–Kutta, {} steps, nothing in common", whole.settings["reference_steps"]
    yield "{} samples are too few to see a small advantage", score.settings["samples"]
    far = "all levels"
    crossings = table(MEASURED, "| denoiser | φ | below the ODE from")
    assert all(row[2] == "nowhere" for row in crossings)
    told = [abs(float(row[3])) for row in crossings if not (row[0].endswith(far) and row[1] == "reverse_sde")]
    yield (
        "Elsewhere the differences are within about {:.1f} standard errors, which is weak evidence at most (the table "
        "says “ODE ahead” from 2 on): there are "
        "{} such comparisons",
        *(max(told), len(told)),
    )


def forgetting() -> Iterator[Sentence]:
    """Give what the page says of errors that noise forgets."""
    found = record("forgetting")
    told, k = found.settings, found["level"].size // 2
    yield "have {:g} times the weight of the others", told["odds"]
    yield "whose standard deviation is s = {:.2f}", told["deviation"]
    yield "({} and {} samples)", told["samples of exact"], told["samples of digits"]
    names = found["noise_scale"].tolist()
    for d, said in enumerate(("exact denoiser", "digits network")):
        for level, multiple in enumerate(np.rint(found["level"] / told["deviation"])):
            cells = [(found["left"][d, level, p, -1], found["left_se"][d, level, p, -1]) for p in range(len(names))]
            yield (
                f"| {said} | {{:g}} | " + " | ".join(["{:.3f} ± {:.3f}"] * len(names)) + " |",
                *(multiple, *(number for cell in cells for number in cell)),
            )
    for level, multiple in enumerate(np.rint(found["level"] / told["deviation"])):
        yield "| Gaussian data | {:g} | {:.3f} | {:.3f} | {:.3f} |", multiple, *found["predicted"][level]
    off = np.abs(found["left"][..., -1] / found["predicted"] - 1.0).max()
    yield "the digits, which are not Gaussian, are within {:.0f} % of that", 100.0 * off
    ode, reverse = names.index("ode"), names.index("reverse_sde")
    first, last = found["evaluations"][0], found["evaluations"][-1]
    yield (
        "{:.4f} ± {:.4f} with the ODE and {:.4f} ± {:.4f} with the reverse SDE at {} evaluations, {:.4f} ± {:.4f} and "
        "{:.4f} ± {:.4f} at {}",
        *(found["energy"][0, k, ode, 0], found["energy_se"][0, k, ode, 0]),
        *(found["energy"][0, k, reverse, 0], found["energy_se"][0, k, reverse, 0], first),
        *(found["energy"][0, k, ode, -1], found["energy_se"][0, k, ode, -1]),
        *(found["energy"][0, k, reverse, -1], found["energy_se"][0, k, reverse, -1], last),
    )


def flow_network() -> Iterator[Sentence]:
    """Give the table that compares the flow network with the other one."""
    pairs = [list(_key_numbers(kind)) for kind in ("network", "network-flow")]
    for (words, *one), (_, *two) in zip(*pairs, strict=True):
        shown = " | ".join([words.split(" | ", 1)[1]] * 2)
        yield f"| {words.split(' | ', 1)[0]} | {shown} |", *one, *two


def _key_numbers(kind: str) -> Iterator[Sentence]:
    """Give one number of each kind for one network: name and format, and the numbers."""
    step, whole, orders, score, floor, quality = (
        record(f"{kind}-{what}")
        for what in ("one-step", "global-error", "orders", "score-error", "precision", "quality")
    )
    ode = place(step, "noise_scale", "ode")
    error, bound = step["error"], step["bound"]
    yield "(a) largest error / bound, all φ, schemes, levels and steps | {:.3f}", (error / bound).max()
    yield (
        "(a) largest error / remainder bound, φ = ode | {:.3f}",
        np.nanmax(error[ode] / step["remainder"][ode]),
    )
    yield "(a) twins caught | {:.0f} %", 100.0 * (step["twin"] > bound).mean()
    yield (
        "(a) largest difference from the exact denoiser's error / bound | {:.3f}",
        (np.abs(step["gap"]) / step["gap_bound"][..., None]).max(),
    )
    for scheme in ("variable_order_pec", "er_sde-3-released"):
        at = place(whole, "noise_scale", "ode"), place(whole, "scheme", scheme), place(whole, "evaluations", 50)
        yield (
            f"(b) `{scheme}`, φ = ode, 50 evaluations, median error | {{:.2e}} ± {{:.0e}}",
            *(whole["median"][at], whole["median_se"][at]),
        )
    for scheme in ("er_sde-3", "adams-3"):
        at = place(orders, "noise_scale", "ode"), place(orders, "scheme", scheme), 0
        yield (
            f"(c) order of `{scheme}`, φ = ode, RMS | {{:.2f}} ± {{:.2f}}",
            *(orders["order"][at], orders["half_width"][at]),
        )
    for name in ("ode", "reverse_sde"):
        at = 0, place(score, "noise_scale", name), -1
        yield (
            f"(d) energy distance, φ = {name}, 100 evaluations | {{:.4f}} ± {{:.3f}}",
            *(score["energy"][at], score["energy_se"][at]),
        )
    at = place(floor, "network", "bfloat16"), place(floor, "state", "float64"), place(floor, "scheme", "adams-3"), -1
    yield (
        "(e) what a bfloat16 network adds to `adams-3` in 100 evaluations | {:.2e} ± {:.0e}",
        *(floor["added"][at], floor["added_se"][at]),
    )
    best = place(quality, "run", "variable_order_pec, ode, 50 evaluations")
    yield (
        "(f) Fréchet distance, `variable_order_pec`, φ = ode, 50 evaluations, extrapolated | {:.2f} ± {:.1f}",
        *(quality["frechet digits classifier"][best], quality["frechet digits classifier se"][best]),
    )


def notebook_of_networks() -> Iterator[Sentence]:
    """Give what notebook 10 says besides what its cells write."""
    card, floor = record("digits-networks"), record("network-precision")
    yield "a U-Net of {:.1f} million parameters", card["parameters"][0] / 1e6
    yield "each of the {:,} images smoothed by {}", card["split_images"].sum(), card.settings["bandwidth"]
    third = place(floor, "scheme", "adams-3")
    added = floor["added"][place(floor, "network", "bfloat16"), 0, third]
    reached = int((added > floor["discretisation"][third]).argmax())
    yield "reaches the floor at about {} evaluations", floor["evaluations"][reached]
    low, high = (record("network-orders").settings["range"][k] for k in (1, 0))
    yield "In float64, from λ = {:g} to {:g}", high, low


def solution_of_snapping() -> Iterator[Sentence]:
    """Give from how many steps on docs/networks.md says that snapping hides an order."""
    found = record("snapping")
    off = found["error"][3] / found["error"][0] - 1.0
    yield "it hides every order from about {} steps on", found["steps"][int((off > 0.1).argmax())]
    yield "a perfect ε-network with {} timesteps", found.settings["timesteps"]


PAGES: dict[str, Page] = {
    "docs/digits_networks.md": digits_networks,
    MEASURED: network_measurements,
    "docs/networks.md": solution_of_snapping,
    "notebooks/10_real_networks.ipynb": notebook_of_networks,
}
TABLES: dict[str, Table] = {}
