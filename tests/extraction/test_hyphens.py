"""A word cut by a line's end is found by search in one piece, and a compound keeps its hyphen."""

import time

import pytest

from casemill.extraction.hyphens import join_broken_words


@pytest.mark.parametrize("mark", ["\ufffe", "\x02", "\xad\r\n", "\xad\n"])
def test_a_word_cut_at_the_end_of_a_line_is_joined(mark: str):
    assert join_broken_words([f"the judg{mark}ment is"]) == ["the judgment is"]


@pytest.mark.parametrize(
    ("elsewhere", "broken", "whole"),
    [
        ("an in-person meeting", "in\ufffeperson", "in-person"),
        ("the information given in formation", "in\ufffeformation", "information"),
        ("a final order", "non\ufffefinal", "non-final"),
        ("", "second\ufffestory", "second-story"),
        ("", "second\ufffeary", "secondary"),
        ("paid weekly", "bi\ufffeweekly", "bi-weekly"),
        ("", "Smith\ufffeJones", "Smith-Jones"),
        ("", "1990\ufffe1995", "1990-1995"),
        ("", "breach\ufffeof-contract", "breachof-contract"),
        ("a breach of it", "breach\ufffeof-contract", "breach-of-contract"),
    ],
)
def test_the_rest_of_the_document_tells_compounds_from_cut_words(elsewhere: str, broken: str, whole: str):
    assert join_broken_words([elsewhere, broken]) == [elsewhere, whole]


def test_a_soft_hyphen_inside_a_line_was_drawn_there():
    assert join_broken_words(["an in\xadperson meeting"]) == ["an in-person meeting"]


def test_a_hyphen_at_the_end_of_a_page_stays():
    assert join_broken_words(["the judg\ufffe", "ment"]) == ["the judg-", "ment"]


def test_a_page_that_is_one_endless_word_takes_no_longer_than_it_is_long():
    page = "a" * 2_000_000 + "\ufffe" + "b" * 2_000_000
    started = time.process_time()
    join_broken_words([page])
    assert time.process_time() - started < 5  # quadratic would be hours
