"""How what people type is read."""

import random

import pytest

from casemill.search.query import LONGEST_QUERY, MOST_TERMS, Query, Term, has_words, parse_query


def required(text: str) -> list[Term]:
    return list(parse_query(text).required)


def test_words_are_required_each_for_itself():
    assert required("accident  reconstruction") == [Term("accident"), Term("reconstruction")]


def test_quotes_keep_words_together():
    assert required('"duty of care" breach') == [Term("duty of care"), Term("breach")]


def test_quotes_pasted_from_a_letter_work_too():
    assert required("“duty of care” «res ipsa»") == [Term("duty of care"), Term("res ipsa")]


def test_a_quote_nobody_closed_is_ignored():
    assert required('"duty of care') == [Term("duty"), Term("of"), Term("care")]
    assert required('5" pipe') == [Term("5"), Term("pipe")]


def test_a_dash_before_a_term_excludes_it():
    query = parse_query('report -draft -"not for filing" -confiden*')
    assert query.required == (Term("report"),)
    assert query.excluded == (Term("draft"), Term("not for filing"), Term("confiden", is_prefix=True))


def test_a_dash_inside_a_word_excludes_nothing():
    assert parse_query("e-discovery 2019-07-01") == Query((Term("e-discovery"), Term("2019-07-01")), ())


def test_a_dash_that_stands_alone_means_nothing():
    assert parse_query("Smith - Jones") == Query((Term("Smith"), Term("Jones")), ())


def test_a_star_ends_a_prefix():
    assert required("negligen*") == [Term("negligen", is_prefix=True)]
    assert required('"gross negligen*"') == [Term("gross negligen", is_prefix=True)]


def test_a_prefix_of_one_letter_would_find_everything_and_is_a_plain_word():
    assert required("a*") == [Term("a")]
    assert required('"vitamin c*"') == [Term("vitamin c")]


def test_a_star_elsewhere_parts_words():
    assert required("foo*bar *baz") == [Term("foo bar"), Term("baz")]


def test_operators_of_other_languages_are_words_and_signs_stay_with_their_word():
    assert required("cats AND name:dogs^2") == [Term("cats"), Term("AND"), Term("name:dogs^2")]


def test_a_term_said_twice_is_one():
    assert required("care care") == [Term("care")]


def test_exclusions_alone_do_not_say_what_to_find():
    assert parse_query("-draft").is_empty


@pytest.mark.parametrize(
    "text", ["", " ", '""', "-", "*", "!!! ??", "\0", "🙂 🙂", "\ud800", '"" -"" **', "\u0301"]
)
def test_text_without_a_letter_or_digit_is_an_empty_query(text: str):
    assert parse_query(text) == Query((), ())


def test_accents_are_read_alike_however_they_are_encoded():
    assert parse_query("re\u0301sume\u0301") == parse_query("résumé")


def test_a_query_of_ten_thousand_words_is_cut_to_the_most_terms():
    assert len(required(" ".join(f"w{n}" for n in range(10_000)))) == MOST_TERMS
    assert len(required("x" * 1_000_000)[0].text) == LONGEST_QUERY


def test_whatever_is_typed_every_term_is_words_without_quotes_or_stars():
    typist = random.Random(7)
    for _ in range(3_000):
        typed = "".join(
            typist.choices('ab1é合ع🙂"“”-*+()[]{}:^~\\/\0\x1f\ud83d\u202e\u0301 \t\n', k=typist.randrange(40))
        )
        query = parse_query(typed)
        for term in (*query.required, *query.excluded):
            assert has_words(term.text)
            assert not set('"*\0\ud83d') & set(term.text)
            assert term.text == " ".join(term.text.split())
