"""Numbers of what is said about audits, studies and the Records themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from tests.docs._numbers import Page, Sentence, Table, record, table

INDEX = "docs/records/README.md"


def entry(program: str, label: str) -> int:
    """Return the place of an audit in the atlas."""
    found = record("atlas")
    (where,) = np.flatnonzero((found["program"] == program) & (found["label"] == label))
    return int(where)


def fault(program: str, label: str, pattern: str) -> list[float]:
    """Return the numbers that the fault of an audit tells."""
    found = re.search(pattern, str(record("atlas")["faults"][entry(program, label)]))
    assert found is not None
    return [float(number) for number in found.groups()]


def atlas() -> Iterator[Sentence]:
    """Give what docs/atlas.md says before its table."""
    found = record("atlas")
    mean, variance = found["mean_limit"], found["variance_limit"]
    at = {n: i for i, n in enumerate(found["n_steps"].tolist())}
    flow = entry("sdnext", "flow, order 1")
    yield (
        "the mean tends to an error of {:.4f} ± {:.4f}, {:.1f} % of the data's spread, and the W2 distance over the "
        "spectrum, {:.1e} at 50 steps, grows to {:.1e} at 200",
        *(mean[flow], found["mean_limit_uncertainty"][flow], 100.0 * mean[flow] / 0.5),
        *found["distance_error"][flow, [at[50], at[200]]],
    )
    lost = -variance[[entry("invokeai", "VP, stochastic = False"), entry("comfyui", "er_sde, s_noise = 0")]]
    yield (
        "The variance 0.25 loses {:.2f} on InvokeAI's VP schedule ({:.0f} %), {:.2f} from 80 ({:.0f} %)",
        *np.stack([lost, 400.0 * lost], axis=1).ravel(),
    )
    error = found["variance_error"][[entry("release", "VE, order 3"), entry("comfyui", "er_sde, float64")]]
    late = error[:, at[200]]
    yield (
        "At 200 steps the variance error of the release is {:.1f} times that of ComfyUI, and its fall has slowed from "
        "order 2 to {:.1f}",
        *(late[0] / late[1], np.log2(error[0, at[100]] / late[0])),
    )
    yield (
        "sets noise variances below 1e-6 to 0: from step {:.0f} of 50",
        *fault("release", "VE, order 3", r"clip from step (\d+)"),
    )
    missing = r"of step (\d+) is missing \(or variances below a threshold between (\S+) and (\S+) are"
    step, low, high = fault("sdnext", "flow, order 1", missing)
    yield "(a threshold between {:.0e} and {:.0e}, seen at step {:.0f} of its flow schedule)", low, high, step
    noise = [
        fault("comfyui", f"er_sde, {what}φ = x, float32", r"up to (\S+) of the noise level")[0]
        for what in ("", "flow, ")
    ]
    yield "adds noise of up to {:.1e} of the noise level (VE) and {:.1e} (flow)", *noise
    yield (
        "collapses the variance like `s_noise = 0`: by {:.2f} from 80",
        -variance[entry("stable-diffusion.cpp", "er_sde, eta = 0")],
    )
    off = re.search(r"\(\+([\d.]+) %\)", str(found["departure"][entry("stable-diffusion.cpp", "er_sde, flow")]))
    assert off is not None
    yield "a data weight is off by {:.2f} %", float(off[1])
    yield "*a bias of {:.1e} in the mean*", mean[entry("comfyui", "er_sde, flow, node's ODE")]
    yield "to −0.7 · 0.5/9999 = {:.2e} on data", mean[entry("comfyui", "er_sde, flow, node's ODE")]
    forgotten = np.abs(found["mean_error"][entry("comfyui", "er_sde, flow, float64")]).min()
    yield "with a stochastic φ the start is forgotten: {:.0e}", forgotten
    yield (
        "*The cancellation of {:.1e}*",
        *fault("comfyui", "er_sde, flow, float64", r"off by up to (\S+), to both sides"),
    )


def read_out() -> Iterator[Sentence]:
    """Give the counts of docs/read-out.md."""
    found = record("audit-diffusers")
    status, reproduction = found["status"], found["reproduction"]
    count = {word: int((status == word).sum()) for word in set(status.tolist())}
    read = status != "not read"
    schedulers = {name.split(" ")[0] for name in found["sampler"][read].tolist()}
    yield (
        "Of {} configurations of {} schedulers of diffusers 0.42.1",
        int(read.sum()),
        len(schedulers),
    )
    yield "{} reproduce their own output to {:.0e} or better", count["exact"], reproduction[status == "exact"].max()
    yield "{} are linear but take a float64 state through float32", count["rounded"]
    yield "and agree to {:.0e} or better", reproduction[status == "rounded"].max()
    yield "{} return nan or inf for every input", count["not finite"]
    yield "{} configurations are refused by diffusers itself", count["refused"]
    yield "{} further schedulers are no samplers of a table's kind", count["not read"]
    assert count["not linear"] == 1
    other = record("audit-k-diffusion")
    yield "all are exact to {:.0e} but `sample_dpm_adaptive`", np.nanmax(other["reproduction"])
    yield "to {:.0e}, the correlation of the two draws", np.nanmax(other["difference"])


def studies() -> Iterator[Sentence]:
    """Give what docs/studies.md works out from what was measured."""
    found = record("study-scaling")
    told = found.settings
    yield "tasks of {:.1f} and {:.1f} s", told["processes_task"], told["dask_task"]
    tasks, wanted = found["tasks"][-1], 1e7
    each = told["dask_seconds_each"]
    yield (
        "1e7 tasks are {:.2f} ms × 1e7 = {:.0f} min of the driver through Dask, {:.0f} s of planning and {:.1f} GB",
        *(1e3 * each, wanted * each / 60.0),
        *(found["planning"][-1] * wanted / tasks, 1e-3 * found["planning_memory"][-1] * wanted / tasks),
    )
    yield "{} blocks are not enough for the smallest errors", record("study-weak-order-mixture")["blocks"].max()


def records() -> Iterator[Sentence]:
    """Give what docs/records/README.md says of each Record."""
    weak, killed, diffusers = (
        record(name) for name in ("study-weak-order-mixture", "study-kill-test", "audit-diffusers")
    )
    blocks = int(weak["blocks"][..., 0].sum())
    yield "two overlapping modes for {} schemes", weak["scheme"].size
    yield "{} blocks of {} paths", blocks, weak.settings["paths"]
    told = killed.settings
    drivers, workers = told["killed_drivers"], told["killed_workers"]
    yield "a study of {} tasks on a local Dask cluster", told["tasks"]
    yield "killed {} times ({} drivers, {} workers)", drivers + workers, drivers, workers
    trials = record("order-trials").settings
    yield "{} random schemes, φ, problems and seeds and {} broken twins", trials["trials"], trials["twins"]
    yield "the same for {} trials on which no rule was made", record("order-trials-unseen").settings["trials"]
    yield "every scheduler of diffusers, {} configurations", int((diffusers["status"] != "not read").sum())
    yield "{:.0f} core seconds", record("headline-orders").settings["core_seconds"]
    letters = ("one-step", "global-error", "orders", "score-error", "precision", "quality")
    total = [sum(record(f"{kind}-{name}").seconds for name in letters) / 60.0 for kind in ("network", "network-flow")]
    yield "which other work shared, {:.0f} min and {:.0f} min in all", *total


def times_of_records() -> Iterator[tuple[str, float]]:
    """Give every time of the table of docs/records/README.md."""
    for names, _, time, *_ in table(INDEX, "| file | command"):
        first, *others = re.findall(r"`([\w-]+)", names)
        stems = [first, *(first.rsplit("-", 1)[0] + other for other in others)]
        seconds = [record(stem).seconds for stem in stems]
        assert ("not recorded" in time) == (0.0 in seconds), names
        numbers = re.match(r"((?:\d+(?:, | and )?)+) (s|min)", time)
        if numbers is not None:
            scale = {"s": 1.0, "min": 60.0}[numbers[2]]
            yield from zip(re.findall(r"\d+", numbers[1]), [second / scale for second in seconds], strict=True)


PAGES: dict[str, Page] = {
    "docs/atlas.md": atlas,
    "docs/read-out.md": read_out,
    "docs/studies.md": studies,
    INDEX: records,
}
TABLES: dict[str, Table] = {INDEX: times_of_records}
