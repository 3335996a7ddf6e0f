"""Where tasks run: one seam, ``concurrent.futures.Executor``."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any

from ersde_theory import _checks

NAMES = ("inline", "processes", "dask", "mpi")


class InlineExecutor(Executor):
    """Runs each call where it is submitted.

    Examples
    --------
    >>> InlineExecutor().submit(max, 1, 2).result()
    2
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done.

        Parameters
        ----------
        fn : callable
        *args, **kwargs
            Handed to it.

        Returns
        -------
        Future
        """
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextlib.contextmanager
def executor(
    name: str = "inline",
    *,
    workers: int | None = None,
    cluster: str | None = None,
    resources: dict[str, float] | None = None,
) -> Iterator[Executor]:
    """Yield an executor and shut it down afterwards.

    Parameters
    ----------
    name : {"inline", "processes", "dask", "mpi"}
        In this process; in processes of this machine, replaced when they die; on a Dask cluster; on the processes of
        an MPI job.
    workers : int, optional
        Number of processes, or of workers of a local Dask cluster. Default: as many as cores.
    cluster : str, optional
        Address of a Dask scheduler, ``tcp://host:port``. Default: a cluster on this machine.
    resources : dict, optional
        What a Dask worker must have for a task, as in ``{"GPU": 1}``.

    Yields
    ------
    concurrent.futures.Executor

    Raises
    ------
    ValueError
        If the name is unknown, or an option does not belong to it.
    ImportError
        If its library is not installed.

    Examples
    --------
    >>> with executor("inline") as pool:
    ...     pool.submit(max, 1, 2).result()
    2
    """
    _checks.one_of(name, "executor", NAMES)
    count = None if workers is None else _checks.integer(workers, "workers", minimum=1)
    if name != "dask" and (cluster is not None or resources is not None):
        msg = f"cluster, resources: expected them with the executor dask, got {name}"
        raise ValueError(msg)
    if name == "inline":
        yield InlineExecutor()
    elif name == "processes":
        with _processes(count) as pool:
            yield pool
    elif name == "mpi":
        futures = _needed("mpi4py.futures")
        with futures.MPIPoolExecutor(count) as pool:
            yield pool
    else:
        with _dask(count, cluster, resources) as pool:
            yield pool


class ProcessesExecutor(Executor):
    """A pool of processes that is made anew when one of them dies; what it was running is run again.

    A call that ends its process takes down whatever else runs in the pool. The third and last attempt of a call is in a
    process of its own: only the call that is to blame fails.

    Parameters
    ----------
    workers : int, optional
        Default: as many as cores.

    Examples
    --------
    >>> ProcessesExecutor.ATTEMPTS
    3
    """

    ATTEMPTS = 3

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers
        self._lock, self._alone = threading.Lock(), threading.Lock()
        self._closed = False
        self._pool = self._new(workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of a call, which survives the death of a worker two times.

        Parameters
        ----------
        fn : callable
        *args, **kwargs
            Handed to it.

        Returns
        -------
        Future
        """
        future: Future[Any] = Future()
        self._try(future, functools.partial(fn, *args, **kwargs), self.ATTEMPTS)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes.

        Parameters
        ----------
        wait, cancel_futures : bool
            As for any executor.
        """
        with self._lock:
            self._closed = self._closed or cancel_futures
            pool = self._pool
        pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def _try(self, future: Future[Any], call: Callable[[], Any], attempts: int) -> None:
        """Hand a call to the pool, a new one if it is broken."""
        while True:
            pool = self._pool
            try:
                inner = pool.submit(call)
                break
            except BrokenExecutor:
                self._replace(pool)
        inner.add_done_callback(lambda done: self._settle(future, call, attempts, pool, done))

    def _settle(
        self, future: Future[Any], call: Callable[[], Any], attempts: int, pool: Executor, done: Future[Any]
    ) -> None:
        """Pass on what came of a call, or try it again."""
        if done.cancelled():
            future.cancel()
        if not future.set_running_or_notify_cancel():
            return
        error = done.exception()
        if isinstance(error, BrokenExecutor) and attempts > 1 and not self._closed:
            # not here: the thread that tells of the end of a pool may hold that pool's lock
            threading.Thread(target=self._again, args=(future, call, attempts - 1, pool), daemon=True).start()
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())

    def _again(self, future: Future[Any], call: Callable[[], Any], attempts: int, broken: Executor) -> None:
        """Try a call again; the last time by itself, so that nobody else's task can end it."""
        inner: Future[Any] = Future()
        try:
            if attempts > 1:
                self._replace(broken)
                self._try(inner, call, attempts)
                future.set_result(inner.result())
            else:
                with self._alone, self._new(1) as pool:
                    future.set_result(pool.submit(call).result())
        except BaseException as error:
            future.set_exception(error)

    def _replace(self, broken: Executor) -> None:
        with self._lock:
            if self._pool is broken:
                broken.shutdown(wait=False)
                self._pool = self._new(self._workers)

    @staticmethod
    def _new(workers: int | None) -> ProcessPoolExecutor:
        # started afresh, not forked: threads of libraries do not survive a fork
        return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def _processes(workers: int | None) -> Iterator[Executor]:
    """Yield a pool of processes; what still waits in it when something goes wrong is not run."""
    pool = ProcessesExecutor(workers)
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextlib.contextmanager
def _dask(workers: int | None, cluster: str | None, resources: dict[str, float] | None) -> Iterator[Executor]:
    """Yield the executor of a Dask client; workers that die are replaced and their tasks run elsewhere."""
    distributed = _needed("distributed")
    with contextlib.ExitStack() as stack:
        address: Any = cluster
        if cluster is None:
            config = _needed("dask").config
            # a task is not to blame for the workers that die while it runs: 100 times it is tried elsewhere
            stack.enter_context(config.set({"distributed.scheduler.allowed-failures": 100}))
            address = stack.enter_context(
                distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            )
        client = stack.enter_context(distributed.Client(address, set_as_default=False))
        yield client.get_executor(pure=False, retries=100, **({"resources": resources} if resources else {}))


def _needed(module: str) -> Any:
    """Import an optional library, or say how to get it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        msg = f"{name} is not installed: pip install 'ersde-theory[studies]' (mpi4py: pip install mpi4py)"
        raise ImportError(msg) from error
