"""What of a passage is shown for a hit."""

from casemill.search.excerpt import BEFORE, ELLIPSIS, WIDTH, excerpt


def text_of(segments: tuple[tuple[str, bool], ...]) -> str:
    return "".join(text for text, _ in segments)


def test_a_short_text_is_shown_whole_with_its_matches_marked():
    assert excerpt("duty of care", [(0, 4), (8, 12)]) == (("duty", True), (" of ", False), ("care", True))


def test_without_a_match_the_beginning_is_shown():
    shown = excerpt("word " * 200, [])
    assert text_of(shown).startswith("word word")
    assert text_of(shown).endswith("word" + ELLIPSIS)


def test_a_long_text_is_cut_between_words_around_the_first_match():
    text = "before " * 100 + "MATCH " + "after " * 100
    shown = excerpt(text, [(700, 705)])
    assert ("MATCH", True) in shown
    assert text_of(shown).startswith(ELLIPSIS + "before ")
    assert text_of(shown).endswith(" after" + ELLIPSIS)
    assert len(text_of(shown)) <= WIDTH + 2 * len(ELLIPSIS)
    assert text_of(shown).index("MATCH") <= BEFORE + len(ELLIPSIS)


def test_matches_outside_the_excerpt_are_not_shown():
    shown = excerpt("here " + "word " * 100 + "there", [(0, 4), (505, 510)])
    assert [text for text, is_match in shown if is_match] == ["here"]


def test_line_breaks_and_runs_of_blanks_become_one_space():
    assert excerpt("duty\n\n  of\f\tcare ", [(8, 10)]) == (("duty ", False), ("of", True), (" care", False))


def test_a_text_without_blanks_is_cut_anywhere():
    shown = excerpt("x" * 100_000, [(50_000, 90_000)])
    assert len(text_of(shown)) <= WIDTH + 2 * len(ELLIPSIS)
    assert any(is_match for _, is_match in shown)


def test_markup_stays_text():
    assert excerpt("<b>care</b>", [(3, 7)]) == (("<b>", False), ("care", True), ("</b>", False))


def test_an_empty_text_gives_an_empty_excerpt():
    assert excerpt("", []) == ()
    assert excerpt(" \n ", []) == ()
