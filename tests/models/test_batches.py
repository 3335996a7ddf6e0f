"""Batches that fit: halved when memory runs out, sized by what one row costs; the result stays the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ersde_theory.models.batches import free_bytes, in_batches, rows_that_fit

torch = pytest.importorskip("torch")

ERRORS = {
    "GPU": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
    "host": lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    "NumPy": lambda: MemoryError("Unable to allocate 3 GiB"),
}


def limited(most: int, error, calls: list[int]):
    """Return a function of rows that raises above a number of them."""

    def function(first: int, last: int):
        calls.append(last - first)
        if last - first > most:
            raise error()
        return torch.arange(first, last, dtype=torch.float64)[:, None] ** 2, np.arange(first, last)

    return function


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_memory_that_runs_out_halves_the_batch_and_changes_no_result(error):
    """Assert the rows of an unlimited run, a warning per halving, and that nothing done is done again."""
    calls: list[int] = []
    with pytest.warns(RuntimeWarning, match=r"out of memory with \d+ rows at once: goes on with") as said:
        squares, index = in_batches(limited(12, error, calls), 50)
    assert torch.equal(squares, torch.arange(50, dtype=torch.float64)[:, None] ** 2)
    assert index.tolist() == list(range(50))
    assert [str(w.message).split()[4] for w in said] == ["50", "25"]
    assert calls == [50, 25, 12, 12, 12, 12, 2]


def test_memory_may_run_out_late():
    """Assert that batches already done are kept when a later one does not fit."""
    done: list[tuple[int, int]] = []

    def later(first: int, last: int):
        if first >= 16 and last - first > 4:
            raise MemoryError
        done.append((first, last))
        return np.arange(first, last)

    with pytest.warns(RuntimeWarning, match="with 8 rows"):
        assert in_batches(later, 26, start_batch=8).tolist() == list(range(26))
    assert done == [(0, 8), (8, 16), (16, 20), (20, 24), (24, 26)]


def test_a_single_row_that_does_not_fit_is_an_error():
    """Assert that it ends, and with what was expected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(MemoryError, match="single row, number 0"):
            in_batches(limited(0, MemoryError, []), 4)


def test_other_errors_are_not_taken_for_missing_memory():
    """Assert that a shape error comes through at once."""
    calls: list[int] = []
    with pytest.raises(RuntimeError, match="shapes"):
        in_batches(limited(3, lambda: RuntimeError("shapes do not match"), calls), 8)
    assert calls == [8]


def test_what_did_not_fit_is_let_go_before_the_next_try():
    """Assert that tensors of a failed attempt are freed: their memory is what is missing."""
    import weakref

    attempts = []

    def heavy(first: int, last: int):
        assert all(reference() is None for reference in attempts)
        tensor = torch.zeros(last - first)
        attempts.append(weakref.ref(tensor))
        if last - first > 2:
            raise MemoryError
        return tensor.clone()

    with pytest.warns(RuntimeWarning, match="out of memory"):
        assert in_batches(heavy, 8).tolist() == [0.0] * 8


@pytest.mark.parametrize(("rows", "batch", "message"), [(0, None, "rows|>= 1"), (3, 0, "start_batch|>= 1")])
def test_numbers_of_rows_are_checked(rows, batch, message):
    """Assert that there must be a row, and a row per batch."""
    with pytest.raises(ValueError, match=message):
        in_batches(lambda first, last: np.arange(first, last), rows, start_batch=batch)


def test_rows_that_fit_follow_from_the_largest_moment_of_an_evaluation(monkeypatch):
    """Assert the count for a network whose two live activations of 64 KiB a row are its peak; weights cost nothing."""
    from ersde_theory.models import batches

    weight = torch.zeros(2**14)  # 64 KiB, there before

    def network(n: int) -> None:
        with torch.inference_mode():
            x = torch.zeros(n, 2**14)
            x = x + weight  # two at a time: the peak
            x = x.mul_(2.0)[:, ::2]  # in place, and a view
            torch.ones(n, 2**10) * x.mean()

    monkeypatch.setattr(batches, "free_bytes", lambda _device: 200 * 2**16)
    assert rows_that_fit(network, share=0.5) == 50
    assert rows_that_fit(network, share=1.0) == 100
    assert rows_that_fit(lambda n: torch.zeros(n, 2**22), share=1.0) == 1
    for share, kind in ((1.5, ValueError), (0.0, ValueError), ("a", TypeError)):
        with pytest.raises(kind, match="share"):
            rows_that_fit(network, share=share)


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    """Assert that free memory is what the limit leaves, if that is less than what the machine has."""
    from ersde_theory.models import batches

    monkeypatch.setattr(batches, "_CGROUP", tmp_path)
    unlimited = free_bytes()
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    assert free_bytes() == 1_000_000 < unlimited
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes() > 1_000_000
