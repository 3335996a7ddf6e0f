"""One row of the loop on torch tensors: the compiled pass, torch's operations and the kernel of torch.compile."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from ersde_theory import _combination

torch = pytest.importorskip("torch")

SIZE = 2**14
WEIGHTS = (-1.5, 0.7, 0.31, 1e-3, -0.2, 2.5, 0.4, 0.1, -0.9)


def tensors(count: int, dtype=None, shape=(SIZE // 8, 2, 4)):
    """Return a state and as many arrays."""
    rng = np.random.default_rng(count)
    dtype = dtype or torch.float64
    return [torch.asarray(rng.standard_normal(shape)).to(dtype) for _ in range(count + 1)]


def plain(state, factor, terms):
    """Return the formula, term after term."""
    total = factor * state
    for weight, array in terms:
        total = total + weight * array
    return total


def slack(state, terms) -> float:
    """Return what rounding may do in one sum: an eps per operation of the largest partial sum."""
    size = float(state.abs().max()) + sum(abs(w) * float(a.abs().max()) for w, a in terms)
    return (len(terms) + 1) * torch.finfo(state.dtype).eps * size


@pytest.mark.parametrize("numba", ["0", "1"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_combination_equals_the_plain_sum(monkeypatch, numba, dtype, count):
    """Assert the formula bit for bit, by the compiled pass and without; the arrays stay as they are."""
    if numba == "1":
        pytest.importorskip("numba")
    monkeypatch.setenv("ERSDE_NUMBA", numba)
    state, *arrays = tensors(count, dtype)
    terms = list(zip(WEIGHTS[:count], arrays, strict=True))
    kept = [a.clone() for a in arrays]
    wanted, memory = plain(state, 0.3, terms), state.data_ptr()
    finite = _combination.combine(state, 0.3, terms)
    assert (state.dtype, state.data_ptr()) == (dtype, memory)
    assert all(torch.equal(a, b) for a, b in zip(arrays, kept, strict=True))
    assert torch.equal(state, wanted)
    assert finite is (True if numba == "1" and count else None)


def test_one_weight_off_by_a_few_bits_is_seen():
    """Assert that the comparison above is sharp."""
    state, *arrays = tensors(2, torch.float32)
    terms = list(zip(WEIGHTS[:2], arrays, strict=True))
    wanted = plain(state, 0.3, [(terms[0][0] * (1 + 1e-5), arrays[0]), terms[1]])
    _combination.combine(state, 0.3, terms)
    assert float((state - wanted).abs().max()) > slack(wanted, terms)


def test_threads_share_the_work_and_change_nothing(monkeypatch):
    """Assert the same bits from one, two and three threads, also in a forked process, and that faults are seen."""
    pytest.importorskip("numba")
    from ersde_theory import _torch_threads

    monkeypatch.setattr(_torch_threads, "WORTH_THREADS", 2**13)
    state, *arrays = tensors(7)  # more than one sweep adds
    terms = list(zip(WEIGHTS[:7], arrays, strict=True))
    wanted = plain(state, 0.3, terms)
    for threads in (1, 2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        got = state.clone()
        assert _combination.combine(got, 0.3, terms) is True
        assert torch.equal(got, wanted)
    arrays[1].view(-1)[-1] = float("nan")
    assert _combination.combine(state, 0.3, terms) is False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_takes_one_thread(monkeypatch):
    """Assert that a child does not wait for threads that only its parent has."""
    pytest.importorskip("numba")
    from ersde_theory import _torch_threads

    monkeypatch.setattr(_torch_threads, "WORTH_THREADS", 2**13)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    state, array = tensors(1)
    _combination.combine(state, 1.0, [(0.0, array)])
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if _combination.combine(state, 1.0, [(0.0, array)]) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("numba", ["0", "1"])
def test_strided_and_differently_laid_out_tensors_are_no_obstacle(monkeypatch, numba):
    """Assert the formula for a transposed state, a channels-last term, a broadcast one and a slice of more."""
    monkeypatch.setenv("ERSDE_NUMBA", numba)
    state, a, b, c = tensors(3, shape=(16, 4, 16, 16))
    terms = [
        (0.5, a.to(memory_format=torch.channels_last)),
        (-2.0, b[:, :1].expand(16, 4, 16, 16)),
        (0.25, torch.cat([c, c], dim=3)[..., ::2]),
    ]
    for target in (state.transpose(2, 3), state):
        wanted = plain(target, 0.9, terms)
        _combination.combine(target, 0.9, terms)
        assert float((target - wanted).abs().max()) <= slack(wanted, terms)


def test_terms_may_be_views_of_the_state():
    """Assert that a term that shares the state's memory counts with the values from before."""
    state, other = tensors(1)
    terms = [(2.0, state.flip(0)), (0.25, state), (-1.0, other), (0.5, state.transpose(0, 0)[:1])]
    wanted = plain(state.clone(), 0.5, [(w, a.clone()) for w, a in terms])
    _combination.combine(state, 0.5, terms)
    assert float((state - wanted).abs().max()) <= slack(wanted, terms)


def test_a_lazily_negated_term_counts_with_its_sign():
    """Assert that a tensor whose memory holds its negative is not taken for its memory."""
    state, a, b = tensors(2)
    lazy = torch._neg_view(b)
    assert lazy.is_neg()
    terms = [(0.5, a), (0.25, lazy)]
    wanted = plain(state, 0.9, [(0.5, a), (0.25, -b)])
    _combination.combine(state, 0.9, terms)
    assert float((state - wanted).abs().max()) <= slack(wanted, terms)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own
def test_tangents_of_forward_mode_pass_through():
    """Assert that large states lose no tangent to the compiled pass, which does not know of them."""
    state, a = tensors(1)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(state.clone(), torch.ones_like(state))
        _combination.combine(dual, 0.5, [(2.0, a)])
        tangent = torch.autograd.forward_ad.unpack_dual(dual).tangent
    assert torch.equal(tangent, torch.full_like(state, 0.5))


def test_a_tensor_without_memory_is_not_read():
    """Assert that torch's lazy zeros, whose address is 0, are an error and not a crash."""
    state, _ = tensors(1)
    with pytest.raises(RuntimeError, match="storage"):
        _combination.combine(state, 0.5, [(3.0, torch._efficientzerotensor(state.shape, dtype=state.dtype))])


def test_compiled_functions_on_disk_are_those_of_the_code_they_are_made_of():
    """Assert that what numba keeps by a file's content has the content of the other file in its key."""
    pytest.importorskip("numba")
    from ersde_theory import _combination_numba, _sweep_numba
    from ersde_theory.integrations import _fused_numba

    kept = [_combination_numba.combine.py_func]
    kept += [f._pyfunc for module in (_combination_numba, _fused_numba) for f in module.FUNCTIONS.values()]
    assert len(kept) == 5
    for function in kept:
        assert _sweep_numba.SOURCE in [cell.cell_contents for cell in function.__closure__]


def test_gradients_pass_through():
    """Assert the derivatives of the plain sum with respect to state and arrays, in every order of the terms."""
    state, a, b = tensors(2)
    for t in (state, a, b):
        t.requires_grad_()
    weight = torch.linspace(0.0, 1.0, state.numel(), dtype=torch.float64).reshape(state.shape)
    wanted = torch.autograd.grad((weight * plain(state, 0.3, [(2.0, a), (-1.0, b)]) ** 2).sum(), (state, a, b))
    target = state.clone()
    assert _combination.combine(target, 0.3, [(2.0, a), (-1.0, b)]) is None
    got = torch.autograd.grad((weight * target**2).sum(), (state, a, b))
    for x, y in zip(got, wanted, strict=True):
        torch.testing.assert_close(x, y)
    with torch.no_grad():  # nothing to follow: the compiled pass, where there is one
        _combination.combine(target.detach(), 0.3, [(2.0, a)])


def test_the_gpus_kernel_is_one_graph_that_new_weights_do_not_compile_again():
    """Assert that what torch.compile gets has no breaks, computes the sum and is traced once for 20 steps."""
    from torch._dynamo.testing import CompileCounter

    from ersde_theory import _combination_torch

    counter = CompileCounter()
    kernel = _combination_torch.one_kernel.__wrapped__(counter)
    state, a, b = (t.view(-1) for t in tensors(2, torch.float32))
    for step in range(20):
        numbers = [1.0 - 0.01 * step, 0.2 * step, -0.1 - step]
        wanted = plain(state, numbers[0], [(numbers[1], a), (numbers[2], b)])
        kernel(state, [torch.tensor(x, dtype=torch.float64) for x in numbers], [a, b])
        assert float((state - wanted).abs().max()) <= slack(wanted, [(numbers[1], a), (numbers[2], b)])
        state.copy_(b)
    assert state.dtype == torch.float32
    assert counter.frame_count == 1


def test_without_a_compiler_torchs_operations_do_the_work_and_a_warning_says_so(monkeypatch):
    """Assert that a failing compiler is named once and asked no more."""
    from ersde_theory import _combination_torch

    def broken(*_):
        message = "no compiler"
        raise RuntimeError(message)

    monkeypatch.setattr(_combination_torch, "one_kernel", lambda: broken)
    state, a = tensors(1)
    try:
        with pytest.warns(RuntimeWarning, match=r"several passes: no compiler"):
            assert not _combination_torch._in_one_kernel(state, 0.5, [(1.0, a)])
        assert not _combination_torch._in_one_kernel(state, 0.5, [(1.0, a)])
    finally:
        _combination_torch._cannot_compile.clear()
