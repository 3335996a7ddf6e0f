"""Modules and functions stay small enough to be read at one sitting."""

from __future__ import annotations

from tests.project._source import Module, code_lines, functions, modules, parse

MODULE_LINES = 400
FUNCTION_LINES = 60


def long_modules(parsed: tuple[Module, ...]) -> list[str]:
    """Return the modules above the limit."""
    return [f"{m.name}: {m.n_lines} lines" for m in parsed if m.n_lines > MODULE_LINES]


def long_functions(parsed: tuple[Module, ...]) -> list[str]:
    """Return the functions above the limit, docstrings not counted."""
    return [
        f"{name}: {code_lines(node)} lines"
        for module in parsed
        for name, node in functions(module)
        if code_lines(node) > FUNCTION_LINES
    ]


def test_no_module_is_longer_than_the_limit():
    """Assert that every module has at most 400 lines."""
    assert long_modules(modules()) == []


def test_no_function_is_longer_than_the_limit():
    """Assert that every function has at most 60 lines besides its docstring."""
    assert long_functions(modules()) == []


def test_limits_catch_their_broken_twins():
    """Assert that a long module and a long function are reported, and a long docstring is not."""
    body = "\n".join(["    x = 1"] * FUNCTION_LINES)
    text = "\n".join(["    text"] * 2 * FUNCTION_LINES)
    assert long_functions((parse("m", f"def f():\n{body}"),)) == ["m.f: 61 lines"]
    assert long_functions((parse("m", f'def f():\n    """D.\n{text}\n    """\n    return 1'),)) == []
    assert long_modules((parse("m", "x = 1\n" * (MODULE_LINES + 1)),)) == ["m: 401 lines"]
