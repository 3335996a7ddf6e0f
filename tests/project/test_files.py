"""Files that the repository carries: no machine's paths, no accidents."""

from __future__ import annotations

import re

import pytest

from tests.project._source import ROOT, listed_files

TEXT = {
    ".cfg",
    ".css",
    ".html",
    ".ipynb",
    ".json",
    ".md",
    ".py",
    ".sh",
    ".toml",
    ".txt",
    ".yml",
    "",
}
LARGEST, LARGEST_WEIGHTS = 2**20, 2_000_000
# An absolute path into someone's machine; the pieces are joined so that this line is none.
FOLDERS = ("home", "mnt", "opt", "private", "root", "tmp", "Users", "usr", "var", "work")
MACHINE_PATH = re.compile(rf"(?<![\w.:/$}}>-])/(?:{'|'.join(FOLDERS)})/\w|\b[A-Z]:\\Users\b")
# The first line of an executable script is the one place where such a path belongs.
SHEBANG = re.compile(r"\A#!.*\n|^SHELL := .*$", re.MULTILINE)


def machine_paths(text: str) -> list[str]:
    """Return the lines of a text that hold a path of some machine."""
    lines = SHEBANG.sub("\n", text).splitlines()
    return [line.strip() for line in lines if MACHINE_PATH.search(line)]


def texts() -> dict[str, str]:
    """Return the text files of the repository by their names."""
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for path in listed_files()
        if path.suffix in TEXT and ".git" not in path.parts
    }


def test_no_file_holds_a_path_of_a_machine():
    """Assert that no text file of the repository names a folder of somebody's machine."""
    found = [f"{name}: {line}" for name, text in texts().items() for line in machine_paths(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_machine_path_is_caught_in_broken_twin(folder):
    """Assert that a path of a machine is seen, and a relative path or an address is not."""
    assert machine_paths(f'DATA = "/{folder}/someone/data.npz"') != []
    assert machine_paths(f"see {folder}/someone and https://example.org/{folder}/page") == []


def test_text_files_end_with_one_newline_and_no_conflict_marker():
    """Assert that text files are whole: final newline, no trailing blank line, no merge markers."""
    marker = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)
    found = [
        name
        for name, text in texts().items()
        if text and (not text.endswith("\n") or text.endswith("\n\n") or marker.search(text))
    ]
    assert not found, "\n".join(found)


def test_no_file_is_large():
    """Assert that no file of the repository is above one mebibyte, and no network's weights above 2 MB."""
    limits = {".safetensors": LARGEST_WEIGHTS}
    large = [str(p.relative_to(ROOT)) for p in listed_files() if p.stat().st_size > limits.get(p.suffix, LARGEST)]
    assert not large, "\n".join(large)
