"""The driver: plans what is missing, hands it out, writes what comes back; a killed run goes on where it was."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass

from ersde_theory.studies._allocation import next_blocks
from ersde_theory.studies._description import Sampling, Study
from ersde_theory.studies._store import Store
from ersde_theory.studies._task import Cell, Task
from ersde_theory.studies._worker import Done, Payload, run_chunk

_CHUNK_SECONDS = 0.25  # of work that is handed out at once
_COMMIT_SECONDS = 0.5  # between transactions: what a killed driver can lose
_MOST_IN_CHUNK = 256
_WINDOW = 4  # chunks in flight for each that runs


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes
    ----------
    round : int
        From 1.
    done, planned : int
        Tasks of this round.
    failed : int
        Tasks that failed in this run.
    seconds : float
        Since the round began.

    Examples
    --------
    >>> Progress(1, 3, 10, 0, 1.5).done
    3
    """

    round: int
    done: int
    planned: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes
    ----------
    computed, found, repeated, failed, damaged : int
        Tasks computed now; there already; computed although they were there (always 0 unless two drivers ran); failed;
        found damaged and computed again.
    rounds : int
    seconds : float

    Examples
    --------
    >>> Outcome(1, 0, 0, 0, 0, 1, 0.5).succeeded
    True
    """

    computed: int
    found: int
    repeated: int
    failed: int
    damaged: int
    rounds: int
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether no task failed."""
        return self.failed == 0


def run(
    study: Study,
    store: Store,
    executor: Executor,
    *,
    workers: int = 1,
    retry_failed: bool = False,
    advance: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Run what a study lacks, round after round, until every cell meets its target or has all its blocks.

    Parameters
    ----------
    study : Study
    store : Store
    executor : concurrent.futures.Executor
        See :func:`ersde_theory.studies.executor`.
    workers : int
        How many tasks run at once, so that enough is handed out.
    retry_failed : bool
        Run tasks that failed before, too. A cell with a failed block gets no further ones.
    advance : callable, optional
        Told where the run stands.

    Returns
    -------
    Outcome

    Raises
    ------
    StoreError
        If the store cannot be read or written.
    ConnectionError
        If the executor is lost, as when a Dask scheduler dies. No task is recorded as failed for it.

    Examples
    --------
    >>> import tempfile
    >>> from ersde_theory.studies import executor
    >>> axes = {"scheme": ["er_sde-2", "adams-3"], "noise_scale": ["ode"], "steps": [10, 20]}
    >>> study = Study("s", "exact-error", axes, {"problem": "gaussian"})
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/s.db") as store, executor() as pool:
    ...     [run(study, store, pool).computed for _ in range(2)]
    [4, 0]
    """
    store.register(study)
    failed = set() if retry_failed else {failure.key for failure in store.failures() if failure.sound}
    tally = _Tally(time.perf_counter(), advance or (lambda _: None))
    sampling = study.sampling
    cells = list(study.cells())
    blocks = [1 if sampling is None else sampling.first] * len(cells)
    for number in range(1, 1 + (1 if sampling is None else sampling.rounds)):
        wanted = (cell.task(block) for cell, count in zip(cells, blocks, strict=True) for block in range(count))
        missing = _missing(store, wanted, failed, tally)
        tally.begin(number, len(missing))
        for finished in _batches(missing, executor, workers, study.timeout):
            new = store.put(finished)
            without = [task.key for task, done in finished if done.values is None]
            failed.update(without)
            tally.add(finished, new, len(without))
        if sampling is None:
            break
        following = [_following(sampling, store, cell, count) for cell, count in zip(cells, blocks, strict=True)]
        if following == blocks:
            break
        blocks = following
    return tally.outcome()


@dataclass(frozen=True)
class Standing:
    """How far a study is, by what its store holds.

    Attributes
    ----------
    round : int
        From 1: the first that lacks something, or the last.
    done, planned : int
        Tasks with a result, and tasks in all, of the rounds up to this one.
    finished : bool
        Whether every task that is to be run has a result or has failed.

    Examples
    --------
    >>> Standing(1, 3, 10, finished=False).planned
    10
    """

    round: int
    done: int
    planned: int
    finished: bool


def standing(study: Study, store: Store) -> Standing:
    """Return how far a study is.

    Parameters
    ----------
    study : Study
    store : Store
        May be one that a driver is writing.

    Returns
    -------
    Standing

    Raises
    ------
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> cell = {"problem": "gaussian", "scheme": "adams-3", "noise_scale": "ode"}
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/s.db") as store:
    ...     standing(Study("s", "exact-error", {"steps": [10, 20]}, cell), store)
    Standing(round=1, done=0, planned=2, finished=False)
    """
    sampling = study.sampling
    failed = {failure.key for failure in store.failures() if failure.sound}
    cells = list(study.cells())
    blocks = [1 if sampling is None else sampling.first] * len(cells)
    for number in range(1, 1 + (1 if sampling is None else sampling.rounds)):
        keys = [cell.task(block).key for cell, count in zip(cells, blocks, strict=True) for block in range(count)]
        values, _ = store.read(keys)
        lacking = any(key not in values and key not in failed for key in keys)
        found = Standing(number, len(values), len(keys), finished=not lacking)
        if lacking or sampling is None:
            break
        following = [_following(sampling, store, cell, count) for cell, count in zip(cells, blocks, strict=True)]
        if following == blocks:
            break
        blocks = following
    return found


def _following(sampling: Sampling, store: Store, cell: Cell, blocks: int) -> int:
    """Return how many blocks a cell has after the next round: decided by its complete results alone."""
    keys = [cell.task(block).key for block in range(blocks)]
    values, _ = store.read(keys)
    if any(key not in values for key in keys):
        return blocks  # one of them failed
    return next_blocks(sampling, [values[key] for key in keys])


def _missing(store: Store, wanted: Iterable[Task], failed: set[str], tally: _Tally) -> list[Task]:
    """Return the tasks that have no sound result and did not fail; damaged rows are taken out."""
    missing: list[Task] = []
    for some in _pieces(wanted, 1000):
        values, damaged = store.read(task.key for task in some)
        store.forget(damaged)
        tally.damaged += len(damaged)
        tally.seen(task.key for task in some if task.key in values)
        missing += [task for task in some if task.key not in values and task.key not in failed]
    return missing


def _pieces(items: Iterable[Task], size: int) -> Iterator[list[Task]]:
    """Yield lists of at most so many."""
    iterator = iter(items)
    while piece := list(itertools.islice(iterator, size)):
        yield piece


def _batches(
    tasks: list[Task], executor: Executor, workers: int, timeout: float | None
) -> Iterator[list[tuple[Task, Done]]]:
    """Yield finished tasks in batches worth a transaction; chunks follow the time that tasks take."""
    waiting = deque(tasks)
    flying: dict[Future[list[Done]], list[Task]] = {}
    finished: list[tuple[Task, Done]] = []
    size, committed = 1, time.perf_counter()
    try:
        while waiting or flying:
            while waiting and len(flying) < _WINDOW * workers:
                # never more than leaves every worker something to do
                fair = -(-len(waiting) // (2 * workers))
                chunk = [waiting.popleft() for _ in range(max(1, min(size, fair, len(waiting))))]
                flying[executor.submit(run_chunk, [_payload(task) for task in chunk], timeout)] = chunk
                if len(flying) == 1 and next(iter(flying)).done():
                    break  # an executor that works here and now: write what is done before more
            ready, _ = wait(flying, timeout=_COMMIT_SECONDS, return_when=FIRST_COMPLETED)
            for future in ready:
                chunk = flying.pop(future)
                outcomes = _outcomes(future, chunk)
                if outcomes is None:  # the worker was lost with all of them: which one is to blame?
                    flying |= {executor.submit(run_chunk, [_payload(task)], timeout): [task] for task in chunk}
                    continue
                finished += zip(chunk, outcomes, strict=True)
                each = sum(done.seconds for done in outcomes) / len(outcomes)
                size = min(_MOST_IN_CHUNK, max(1, int(_CHUNK_SECONDS / max(each, 1e-6))))
            if finished and time.perf_counter() - committed >= _COMMIT_SECONDS:
                yield finished
                finished, committed = [], time.perf_counter()
        if finished:
            yield finished
    except GeneratorExit:
        raise
    except BaseException:
        for future in flying:
            future.cancel()
        if finished:  # an interrupt loses nothing that is finished
            yield finished
        raise


def _payload(task: Task) -> Payload:
    """Return what a worker needs to run a task."""
    cell = task.cell
    return task.key, cell.measurement, dict(cell.parameters), task.stream


def _outcomes(future: Future[list[Done]], chunk: list[Task]) -> list[Done] | None:
    """Return the outcomes of a chunk; if its worker was lost, that of a single task, and None for several."""
    try:
        return future.result()
    except CancelledError:  # not by this driver: then it would not ask
        msg = "the connection to the workers was lost; what was finished is in the store: run the study again"
        raise ConnectionError(msg) from None
    except Exception as error:
        if len(chunk) > 1:
            return None
        return [Done(chunk[0].key, None, f"the worker was lost: {type(error).__name__}: {error}", 0.0)]


class _Tally:
    """Counts what a run does, and tells it."""

    def __init__(self, begin: float, advance: Callable[[Progress], None]) -> None:
        self.start, self.begun, self.advance = begin, begin, advance
        self.round = self.done = self.planned = 0
        self.computed = self.repeated = self.failed = self.damaged = 0
        self.made: set[str] = set()
        self.found: set[str] = set()

    def begin(self, number: int, planned: int) -> None:
        """Begin a round."""
        self.round, self.done, self.planned = number, 0, planned
        self.begun = time.perf_counter()
        self._tell()

    def seen(self, keys: Iterable[str]) -> None:
        """Note tasks that were there before this run."""
        self.found.update(key for key in keys if key not in self.made)

    def add(self, finished: list[tuple[Task, Done]], new: int, failed: int) -> None:
        """Note a batch."""
        results = [task.key for task, done in finished if done.values is not None]
        self.made.update(results)
        self.computed += new
        self.repeated += len(results) - new
        self.failed += failed
        self.done += len(finished)
        self._tell()

    def outcome(self) -> Outcome:
        """Return the whole."""
        return Outcome(
            self.computed,
            len(self.found),
            self.repeated,
            self.failed,
            self.damaged,
            self.round,
            time.perf_counter() - self.start,
        )

    def _tell(self) -> None:
        self.advance(Progress(self.round, self.done, self.planned, self.failed, time.perf_counter() - self.begun))
