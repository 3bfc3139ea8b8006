"""What chunks of a text promise."""

import random
from itertools import pairwise

import pytest
from pydantic import ValidationError

from casemill.extraction.contract import PAGE_BREAK
from casemill.steps.chunking import Chunk, ChunkMethod, ChunkOptions, chunked, fingerprint

ALPHABETS = {
    "english": "the Court grants summary judgment. And\n\n",
    "pages": "page of text.\f\f\n ",
    "emoji": "👨‍👩‍👧😀👍🏽 a",
    "combining marks": "e\u0301a\u0308\u0323 \u0301",
    "cjk": "漢字仮名交じり文。判決",
    "arabic": "العدالة أساس الملك ",
    "no space at all": "abcdefgh0123456789",
    "white space of every kind": " \t\n\f\u00a0\u2003\u3000\x1c\x85x",
    "unstorable": "\ud800\udfffab \x01",
}

CUTS = [
    ChunkOptions(size=40, overlap=12),
    ChunkOptions(size=1, overlap=0),
    ChunkOptions(method=ChunkMethod.TOKENS, size=20, overlap=6),
    ChunkOptions(method=ChunkMethod.TOKENS, size=1, overlap=0),
    ChunkOptions(method=ChunkMethod.DELIMITER, delimiter="a", size=30, overlap=10),
    ChunkOptions(method=ChunkMethod.DELIMITER, delimiter="\f", size=30, overlap=0),
]


def random_text(alphabet: str, seed: int, length: int = 1_500) -> str:
    chosen = random.Random(seed)
    return "".join(chosen.choice(alphabet) for _ in range(length))


def as_kept(text: str) -> str:
    kept = text.replace(PAGE_BREAK, "\n")
    return "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in kept)


def covered(chunks: list[Chunk], length: int) -> bytearray:
    seen = bytearray(length)
    for chunk in chunks:
        seen[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    return seen


@pytest.mark.parametrize("options", CUTS, ids=fingerprint)
@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_no_text_is_lost_and_every_place_is_exact(alphabet: str, options: ChunkOptions):
    for seed in range(3):
        text = random_text(alphabet, seed)
        chunks = list(chunked(text, options))
        seen = covered(chunks, len(text))
        lost = [at for at, each in enumerate(text) if not each.isspace() and not seen[at]]
        assert lost == []
        for chunk in chunks:
            assert chunk.text == as_kept(text[chunk.start : chunk.end])
            assert chunk.text.strip() == chunk.text != ""
        assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))


@pytest.mark.parametrize("options", CUTS, ids=fingerprint)
def test_neighbours_advance_and_share_no_more_than_the_overlap(options: ChunkOptions):
    text = random_text(ALPHABETS["english"], seed=7, length=4_000)
    chunks = list(chunked(text, options))
    for one, next_one in pairwise(chunks):
        assert one.start < next_one.start
        assert one.end < next_one.end
        if options.method is not ChunkMethod.TOKENS:
            assert one.end - next_one.start <= options.overlap
            assert len(one.text) <= options.size


def test_an_overlap_repeats_the_end_of_the_chunk_before():
    words = " ".join(f"word{number}" for number in range(400))
    chunks = list(chunked(words, ChunkOptions(size=100, overlap=30)))
    assert len(chunks) > 20
    assert all(next_one.start < one.end for one, next_one in pairwise(chunks))
    assert chunks[0].text.split()[-1] in chunks[1].text.split()


def test_no_overlap_repeats_nothing():
    words = " ".join(f"word{number}" for number in range(400))
    chunks = list(chunked(words, ChunkOptions(size=100, overlap=0)))
    assert " ".join(chunk.text for chunk in chunks) == words


def test_a_chunk_is_cut_between_paragraphs_rather_than_inside_one():
    paragraphs = [f"Paragraph {number} says one thing. It says another thing." for number in range(6)]
    chunks = list(chunked("\n\n".join(paragraphs), ChunkOptions(size=115, overlap=0)))
    assert [chunk.text for chunk in chunks] == ["\n\n".join(paragraphs[at : at + 2]) for at in (0, 2, 4)]


def test_a_chunk_tells_on_which_pages_it_lies_and_where_each_starts():
    text = PAGE_BREAK.join(["first page", "", "third page", "fourth"])
    (chunk,) = chunked(text, ChunkOptions())
    assert (chunk.first_page, chunk.last_page) == (1, 4)
    assert chunk.pages == ((1, 0), (2, 11), (3, 12), (4, 23))
    assert [chunk.text[offset:].split("\n")[0] for _, offset in chunk.pages] == [
        "first page",
        "",
        "third page",
        "fourth",
    ]


def test_every_chunk_of_a_long_document_knows_the_page_of_each_of_its_characters():
    pages = [f"Page {number}. " + "Some sentences stand here. " * 9 for number in range(1, 30)]
    text = PAGE_BREAK.join(pages)
    for chunk in chunked(text, ChunkOptions(size=300, overlap=60)):
        for number, offset in chunk.pages:
            at = chunk.start + offset
            assert text[:at].count(PAGE_BREAK) == number - 1
            assert offset == 0 or text[at - 1] == PAGE_BREAK
        assert (chunk.first_page, chunk.last_page) == (chunk.pages[0][0], chunk.pages[-1][0])
        assert text[: chunk.end].count(PAGE_BREAK) == chunk.last_page - 1


def test_a_document_without_pages_has_chunks_without_pages():
    chunks = list(chunked("Some text. " * 300, ChunkOptions(), paged=False))
    assert len(chunks) > 1
    assert {(chunk.first_page, chunk.last_page, chunk.pages) for chunk in chunks} == {(None, None, ())}


@pytest.mark.parametrize("text", ["", " ", "\f\f", "\n" * 5_000 + "\x1c\u3000"])
def test_white_space_gives_no_chunk(text: str):
    for options in CUTS:
        assert list(chunked(text, options)) == []


def test_a_desert_of_white_space_loses_nothing_on_either_side():
    text = "before" + " " * 30_000 + "after"
    chunks = list(chunked(text, ChunkOptions(size=100, overlap=0)))
    assert [(chunk.text, chunk.start) for chunk in chunks] == [("before", 0), ("after", 30_006)]


def test_a_delimiter_opens_a_chunk_and_neighbours_are_not_joined():
    text = "PREAMBLE\nARTICLE one is short\nARTICLE two\nARTICLE three"
    chunks = list(chunked(text, ChunkOptions(method=ChunkMethod.DELIMITER, delimiter="ARTICLE")))
    assert [chunk.text for chunk in chunks] == [
        "PREAMBLE",
        "ARTICLE one is short",
        "ARTICLE two",
        "ARTICLE three",
    ]


def test_a_piece_between_delimiters_that_is_too_long_is_cut_further():
    long = "A sentence that fills. " * 20
    options = ChunkOptions(method=ChunkMethod.DELIMITER, delimiter="***", size=100, overlap=0)
    chunks = list(chunked(f"short*** {long}***end", options))
    assert chunks[0].text == "short"
    assert chunks[-1].text == "***end"
    assert len(chunks) > 6
    assert max(len(chunk.text) for chunk in chunks) <= 100


def test_a_delimiter_may_be_the_page_break():
    options = ChunkOptions(method=ChunkMethod.DELIMITER, delimiter=PAGE_BREAK)
    chunks = list(chunked("one\ftwo\f\fthree", options))
    assert [(chunk.text, chunk.first_page) for chunk in chunks] == [("one", 1), ("two", 2), ("three", 4)]


def test_a_delimiter_is_literal_not_a_pattern():
    options = ChunkOptions(method=ChunkMethod.DELIMITER, delimiter=".*")
    assert [chunk.text for chunk in chunked("a.*b c", options)] == ["a", ".*b c"]


def test_what_a_token_is_depends_on_the_vocabulary():
    text = "العدالة أساس الملك. " * 100
    by = {
        tokenizer: [
            chunk.text
            for chunk in chunked(text, ChunkOptions(method="tokens", size=50, overlap=0, tokenizer=tokenizer))
        ]
        for tokenizer in ("cl100k_base", "o200k_base")
    }
    assert len(by["cl100k_base"]) > len(by["o200k_base"]) > 5


def test_text_that_looks_like_a_control_token_is_text():
    (chunk,) = chunked("<|endoftext|> and <|im_start|>", ChunkOptions(method=ChunkMethod.TOKENS))
    assert chunk.text == "<|endoftext|> and <|im_start|>"


@pytest.mark.parametrize("alphabet", ["no space at all", "cjk", "combining marks"])
def test_a_long_text_without_a_place_to_cut_is_chunked_whole(alphabet: str):
    """The splitter alone takes minutes for this: it looks for sentences in everything that is left."""
    text = (ALPHABETS[alphabet].replace(" ", "").replace("。", "") * 100_000)[:300_000]
    chunks = list(chunked(text, ChunkOptions()))
    assert all(covered(chunks, len(text)))
    assert len(chunks) < 200


def test_the_same_text_gives_the_same_chunks():
    text = random_text(ALPHABETS["english"], seed=3, length=20_000)
    for options in CUTS:
        assert list(chunked(text, options)) == list(chunked(text, options))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 100, "overlap": 100},
        {"size": 0},
        {"overlap": -1},
        {"delimiter": ""},
        {"method": "by feeling"},
        {"chunk_size": 5},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        ChunkOptions.model_validate(wrong)


def test_every_option_is_described():
    properties = ChunkOptions.model_json_schema()["properties"]
    assert all(each["description"] for each in properties.values())


def test_a_fingerprint_changes_with_what_matters_and_with_nothing_else():
    plain = fingerprint(ChunkOptions())
    assert plain == fingerprint(ChunkOptions(delimiter="###", tokenizer="o200k_base"))
    others = [
        ChunkOptions(size=1_000),
        ChunkOptions(overlap=0),
        ChunkOptions(method=ChunkMethod.TOKENS),
        ChunkOptions(method=ChunkMethod.TOKENS, tokenizer="o200k_base"),
        ChunkOptions(method=ChunkMethod.DELIMITER),
        ChunkOptions(method=ChunkMethod.DELIMITER, delimiter="###"),
    ]
    assert len({plain, *(fingerprint(each) for each in others)}) == 7


def test_a_fingerprint_is_the_same_in_every_process():
    assert fingerprint(ChunkOptions()) == "characters-2000-200-1-d01ab393d6"
