"""What runs on a worker: chunks of tasks, each to its values or to what went wrong."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any

_LAST_LINES = 30
_START_SECONDS = 120.0  # in which a fresh interpreter is ready


@dataclass(frozen=True)
class Done:
    """The outcome of one task.

    Attributes
    ----------
    key : str
        Of the task.
    values : mapping of str to float, or None
        None if it failed.
    error : str
        What went wrong, with the traceback.
    seconds : float

    Examples
    --------
    >>> Done("k", {"x": 1.0}, "", 0.1).error
    ''
    """

    key: str
    values: Mapping[str, float] | None
    error: str
    seconds: float


Payload = tuple[str, str, Mapping[str, Any], int]  # key, measurement, parameters, stream


def run_chunk(payloads: list[Payload], timeout: float | None = None) -> list[Done]:
    """Run tasks one after the other.

    Parameters
    ----------
    payloads : list of (key, measurement, parameters, stream)
    timeout : float, optional
        Seconds for one task. With it tasks run in a process of their own, which is ended when one takes longer.

    Returns
    -------
    list of Done
        One for each task, in order.

    Examples
    --------
    >>> run_chunk([("k", "operator:index", {}, 0)])[0].error.splitlines()[-1][:9]
    'TypeError'
    """
    if timeout is None:
        return [run_task(*payload) for payload in payloads]
    return [_child().run(payload, timeout) for payload in payloads]


def run_task(key: str, name: str, parameters: Mapping[str, Any], stream: int) -> Done:
    """Run one task; whatever it raises is its outcome.

    Parameters
    ----------
    key, name : str
        Of the task and the measurement.
    parameters : mapping
    stream : int
        The task's seed.

    Returns
    -------
    Done

    Examples
    --------
    >>> cell = {"scheme": "adams-3", "noise_scale": "ode", "problem": "gaussian", "steps": 40}
    >>> run_task("k", "exact-error", cell, 0).error
    ''
    """
    from ersde_theory.studies._measurement import checked_values, measurement

    begin = time.perf_counter()
    try:
        values = checked_values(measurement(name).function(dict(parameters), stream))
    except Exception:
        lines = traceback.format_exc().strip().splitlines()
        return Done(key, None, "\n".join(lines[-_LAST_LINES:]), time.perf_counter() - begin)
    return Done(key, values, "", time.perf_counter() - begin)


class _Child:
    """A process that runs tasks for a worker, and can be ended without ending the worker."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.answers: Queue[str] = Queue()

    def run(self, payload: Payload, timeout: float) -> Done:
        """Return the outcome of a task; one that takes too long, or takes the process down, has failed."""
        begin = time.perf_counter()
        process = self._alive()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(payload) + "\n")
            process.stdin.flush()
            answer = self.answers.get(timeout=timeout)
        except Empty:
            self.stop()
            return Done(payload[0], None, f"timed out after {timeout:g} s", time.perf_counter() - begin)
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.stop()
            return Done(payload[0], None, "the process that ran it died", time.perf_counter() - begin)
        key, values, error, seconds = json.loads(answer)
        return Done(key, values, error, seconds)

    def stop(self) -> None:
        """End the process."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        self.process = None

    def _alive(self) -> subprocess.Popen[str]:
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.stop()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen(
            [sys.executable, "-m", "ersde_theory.studies._serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.process, self.answers = process, Queue()
        self.listener = threading.Thread(target=_listen, args=(process, self.answers), daemon=True)
        self.listener.start()
        # its imports are not the task's time
        with contextlib.suppress(Empty):
            self.answers.get(timeout=_START_SECONDS)
        return process


def _listen(process: subprocess.Popen[str], answers: Queue[str]) -> None:
    """Hand over what a child says; an empty text when it is gone."""
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")


_of_thread = threading.local()


def _child() -> _Child:
    """Return the child of this thread: workers may be threads of one process."""
    if not hasattr(_of_thread, "child"):
        _of_thread.child = _Child()
        atexit.register(_of_thread.child.stop)
    found: _Child = _of_thread.child
    return found
