"""Measurements for the tests of studies."""

from __future__ import annotations

import os
import threading
import time

import numpy as np

CALLS: list[dict] = []


def plain(parameters, seed):
    """Return numbers of the parameters alone, and note the call."""
    CALLS.append(dict(parameters))
    return {"double": 2.0 * parameters["x"], "square": parameters["x"] ** 2}


def random_mean(parameters, seed):
    """Return a mean of normals of the task's own stream."""
    return {"mean": parameters["x"] + float(np.random.default_rng(seed).standard_normal(50).mean())}


def worker_dependent(parameters, seed):
    """Return numbers of whatever worker runs it: what a task must not do."""
    state = np.random.default_rng(os.getpid() * 1000 + threading.get_ident() % 1000 + len(CALLS))
    CALLS.append({})
    return {"mean": parameters["x"] + float(state.standard_normal(50).mean())}


def troubled(parameters, seed):
    """Raise, hang, return nan, die, or be well, as `what` says."""
    what = parameters["what"]
    if what == "raise":
        message = "something is wrong"
        raise RuntimeError(message)
    if what == "hang":
        time.sleep(60.0)
    if what == "nan":
        return {"x": float("nan")}
    if what == "nothing":
        return {}
    if what == "die":
        os._exit(3)
    if what == "mend" and not os.path.exists(parameters["flag"]):
        message = "not yet"
        raise RuntimeError(message)
    return {"x": 1.0}


def fails_now_and_then(parameters, seed):
    """Return a number, or fail, as an exploding path does."""
    value = float(np.random.default_rng(seed).standard_normal())
    return {"x": value if value < 0.5 else float("inf")}


def fails_for_two(parameters, seed):
    """Return a number, or raise for x = 2."""
    if parameters["x"] == 2:
        message = "two"
        raise ValueError(message)
    return {"x": 1.0}


def noisy_neighbour(parameters, seed):
    """Write to the standard output past Python, and read the standard input."""
    os.write(1, b"noise\n")
    print("more noise")  # noqa: T201 - what the test is about
    return {"read": float(len(os.read(0, 10)))}


fails_now_and_then.sampled = True
random_mean.sampled = True
worker_dependent.sampled = True
