"""Numbers in prose are those of Records: every sentence below is in its page with the numbers that code puts in."""

from __future__ import annotations

import functools

import pytest

from tests.docs import (
    _numbers_of_benchmarks,
    _numbers_of_claims,
    _numbers_of_networks,
    _numbers_of_programs,
    _numbers_of_schemes,
)
from tests.docs._numbers import Sentence, page, says, shown

PARTS = (_numbers_of_claims, _numbers_of_schemes, _numbers_of_networks, _numbers_of_programs, _numbers_of_benchmarks)
PAGES = {path: sentences for part in PARTS for path, sentences in part.PAGES.items()}
TABLES = {path: entries for part in PARTS for path, entries in part.TABLES.items()}


@functools.cache
def sentences(path: str) -> list[Sentence]:
    """Return what a page is to say."""
    return list(PAGES[path]())


@pytest.mark.parametrize("path", PAGES)
def test_page_says_what_the_records_say(path):
    """Assert that each sentence, with its numbers from the Records, is in the page."""
    expected = [words.format(*numbers) for words, *numbers in sentences(path)]
    assert expected
    assert [sentence for sentence in expected if not says(page(path), sentence)] == []


@pytest.mark.parametrize("path", PAGES)
def test_another_number_of_a_record_is_not_in_the_page(path):
    """Assert that every number that goes into a sentence is looked for: another one is not found."""
    for words, *numbers in sentences(path):
        assert numbers
        for i, number in enumerate(numbers):
            changed = [*numbers[:i], 2 * number + 1, *numbers[i + 1 :]]
            assert not says(page(path), words.format(*changed)), words.format(*changed)


@pytest.mark.parametrize("path", PAGES)
def test_another_number_in_the_page_is_noticed(path):
    """Assert that a page in which a digit of each sentence was changed says none of them."""
    expected = [words.format(*numbers) for words, *numbers in sentences(path)]
    other = page(path).translate(str.maketrans("0123456789", "1234567890"))
    assert not any(says(other, sentence) for sentence in expected)


@pytest.mark.parametrize(("path", "table"), TABLES.items())
def test_entries_of_a_table_are_those_of_the_record(path, table):
    """Assert every entry to the digits shown, and that another number would be noticed."""
    pairs = list(table())
    assert pairs
    assert [pair for pair in pairs if not shown(*pair)] == []
    assert not any(shown(entry, 2.0 * value + 1.0) for entry, value in pairs)


def test_sentence_is_not_found_within_another_number():
    """Assert that 2 % is neither in 12 % nor in 1.2 %, and that line breaks and minus signs do not matter."""
    assert says("it is 2 % more", "2 % more")
    assert not says("it is 12 % more", "2 % more")
    assert not says("it is 1.2 % more", "2 % more")
    assert not says("of 20.5", "of 20")
