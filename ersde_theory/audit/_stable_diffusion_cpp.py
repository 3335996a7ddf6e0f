"""stable-diffusion.cpp's ER-SDE sampler as a function of k-diffusion's signature, compiled from a checkout.

The text of one C++ function is cut out of the checkout at run time and compiled with the checkout's own tensors, in a
temporary folder; what is here calls it. Model and noise are calls back into Python. So code of the checkout is built
and executed in this process, with all its rights: only for checkouts that one would run anyway.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_BEFORE = """
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>
#include "core/tensor.hpp"
#include "runtime/guidance.h"
typedef std::function<sd::guidance::GuiderOutput(const sd::Tensor<float>&, float, int)> denoise_cb_t;
"""
_AFTER = """
struct CalledBack : RNG {
    void (*draw)(float*, uint32_t);
    void manual_seed(uint64_t) override {}
    std::vector<float> randn(uint32_t n) override { std::vector<float> out(n); draw(out.data(), n); return out; }
};

extern "C" int run(int (*denoise)(const float*, float, float*), void (*draw)(float*, uint32_t), float* state,
                   int size, const float* sigmas, int count, int is_flow, float eta) try {
    const std::vector<int64_t> shape{size};  // another one would not fit into Python's arrays
    auto rng = std::make_shared<CalledBack>();
    rng->draw = draw;
    auto model = [&](const sd::Tensor<float>& x, float sigma, int) {
        sd::guidance::GuiderOutput found;
        sd::Tensor<float> data(x.shape());
        if (x.shape() == shape && denoise(x.data(), sigma, data.data())) found.pred = data;
        return found;
    };
    sd::Tensor<float> x(shape, std::vector<float>(state, state + size));
    x = sample_er_sde(model, x, std::vector<float>(sigmas, sigmas + count), rng, is_flow != 0, eta);
    if (x.shape() != shape) return 0;
    std::copy(x.data(), x.data() + size, state);
    return 1;
} catch (...) {
    return 0;  // Python's caller knows no exceptions of C++: one that went further would end the process
}
"""
_START = "static sd::Tensor<float> sample_er_sde("
_END = "\n}\n"
_FLOATS = ctypes.POINTER(ctypes.c_float)
_DENOISE = ctypes.CFUNCTYPE(ctypes.c_int, _FLOATS, ctypes.c_float, _FLOATS)
_DRAW = ctypes.CFUNCTYPE(None, _FLOATS, ctypes.c_uint32)


def compiled_er_sde(denoiser: Path) -> Callable[..., Any]:
    """Return the sampler of a checkout, whose code this runs; it takes ``eta`` and ``is_flow_denoiser``, in float32.

    Parameters
    ----------
    denoiser : Path
        Of ``src/runtime/denoiser.hpp`` in the checkout; its neighbours in ``src`` are included.

    Returns
    -------
    callable
        ``sample_er_sde(model, x, sigmas, *, eta=1.0, is_flow_denoiser=False)``.

    Raises
    ------
    ValueError
        If the file has no such function.
    RuntimeError
        If there is no compiler, or it fails.

    Examples
    --------
    >>> compiled_er_sde(Path(__file__))
    Traceback (most recent call last):
        ...
    ValueError: denoiser: expected a file with sample_er_sde, got _stable_diffusion_cpp.py
    """
    text = denoiser.read_text(encoding="utf-8")
    begin = text.find("\n" + _START)
    end = text.find(_END, begin)
    if begin < 0 or end < 0:
        msg = f"denoiser: expected a file with sample_er_sde, got {denoiser.name}"
        raise ValueError(msg)
    call = _compiled(_BEFORE + text[begin : end + len(_END)] + _AFTER, denoiser.resolve().parents[1])

    def sample_er_sde(
        model: Callable[..., Any], x: Any, sigmas: Any, *, eta: float = 1.0, is_flow_denoiser: bool = False
    ) -> Any:
        import torch

        single = x.to(torch.float32)  # the program knows no other state
        raised: list[BaseException] = []

        def denoise(state: Any, sigma: float, data: Any) -> int:
            if raised:
                return 0
            try:
                numbers = np.ctypeslib.as_array(state, (x.numel(),)).astype(np.float64)
                # what a network loses in float32 is not the sampler's affair
                value = model(torch.from_numpy(numbers).reshape(x.shape), x.new_full((x.shape[0],), sigma))
                np.ctypeslib.as_array(data, (x.numel(),))[:] = value.detach().double().numpy().reshape(-1)
            except BaseException as error:
                raised.append(error)
                return 0
            return 1

        def draw(noise: Any, count: int) -> None:
            numbers = np.ctypeslib.as_array(noise, (count,))
            try:
                numbers[:] = torch.randn(count).numpy()
            except BaseException as error:
                raised.append(error)
                numbers[:] = 0.0

        result = np.array(single.detach().numpy().reshape(-1), dtype=np.float32)
        levels = np.array(sigmas.detach().numpy(), dtype=np.float32)
        known = call(
            _DENOISE(denoise), _DRAW(draw), result.ctypes.data_as(_FLOATS), result.size,
            levels.ctypes.data_as(_FLOATS), levels.size, int(is_flow_denoiser), float(eta),
        )  # fmt: skip
        if raised:
            raise raised[0]
        if not known:
            msg = "sample_er_sde: expected a state of the start's shape, got none, another, or an exception of C++"
            raise RuntimeError(msg)
        return torch.from_numpy(result).reshape(x.shape)

    return sample_er_sde


def _compiled(source: str, includes: Path) -> Any:
    """Return the function `run` of C++ text, compiled as the program is: C++17, optimised, IEEE arithmetic."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        msg = "C++: expected a compiler called c++, g++ or clang++, got none"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory() as folder:
        file, library = Path(folder) / "er_sde.cpp", Path(folder) / "er_sde.so"
        file.write_text(source, encoding="utf-8")
        flags = ["-std=c++17", "-O2", "-w", "-shared", "-fPIC", "-I", str(includes)]
        made = subprocess.run(
            [compiler, *flags, "-o", str(library), str(file)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            told = made.stderr.replace(folder, "…").splitlines()
            first = next((line for line in told if "error" in line), f"status {made.returncode} of {compiler}")
            msg = f"C++: expected text that compiles, got {first}"
            raise RuntimeError(msg)
        run = ctypes.CDLL(str(library)).run
    run.restype = ctypes.c_int
    run.argtypes = [_DENOISE, _DRAW, _FLOATS, ctypes.c_int, _FLOATS, ctypes.c_int, ctypes.c_int, ctypes.c_float]
    return run


__all__ = ["compiled_er_sde"]
