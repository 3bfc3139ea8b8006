"""What every search index promises. A further adapter joins by one more parameter of `index`."""

import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from casemill.search.contract import (
    IndexedDocument,
    Owner,
    OwnerKind,
    PageSpan,
    Passage,
    SearchHit,
    SearchIndex,
)
from casemill.search.sqlite import SqliteIndex

NAMES = UUID(int=0)


def owner(name: str, kind: OwnerKind = OwnerKind.EXPERT) -> Owner:
    return Owner(kind, uuid5(NAMES, name))


def document(name: str, of: str | Owner, *texts: str | Passage, version: str = "1") -> IndexedDocument:
    """Texts become passages, each on a page of its own."""
    whose = owner(of) if isinstance(of, str) else of
    passages = tuple(
        Passage(number, text, (PageSpan(number + 1, 0),)) if isinstance(text, str) else text
        for number, text in enumerate(texts)
    )
    owner_name = of if isinstance(of, str) else "someone"
    return IndexedDocument(uuid5(whose.id, repr(name)), name, whose, owner_name, version, passages)


def names(hits: tuple[SearchHit, ...]) -> list[str]:
    return [hit.name for hit in hits]


def shown(hit: SearchHit) -> str:
    return "".join(segment.text for segment in hit.excerpt)


def marked(hit: SearchHit) -> list[str]:
    return [segment.text for segment in hit.excerpt if segment.is_match]


@pytest.fixture(params=["sqlite"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchIndex]:
    opened = SqliteIndex(tmp_path / "search.db")
    yield opened
    opened.close()


REPORT = document(
    "Brake failure report.pdf",
    "Dr. Ada Miller",
    "I was retained by counsel for the plaintiff to determine the cause of the collision on Interstate 80.",
    "In my opinion, to a reasonable degree of engineering certainty, the brakes were serviced negligently.",
    "The manufacturer's duty of care extends to foreseeable users. Fed. R. Evid. 702; 509 U.S. 579 (1993).",
)
CV = document(
    "CV.docx",
    "Dr. Ada Miller",
    Passage(0, "Accident reconstruction, vehicle dynamics. Professor of mechanical engineering, Ann Arbor."),
)
DEPOSITION = document(
    "Deposition of J. O'Brien.pdf",
    "Prof. Noor Haddad",
    "Q. Did you review the résumé of Dr. Müller? A. I did. Q. And the naïve assumption in it?",
    "The causation analysis relies on epidemiology, not on negligible exposure. The caucus met in May.",
)
MEMO = document(
    "Case memo.docx",
    Owner(OwnerKind.CASE, uuid5(NAMES, "Doe v. Acme")),
    "Draft. Work product. The brakes failed; damages for negligence are claimed by Jane Doe.",
)
LIBRARY = (REPORT, CV, DEPOSITION, MEMO)


@pytest.fixture
def library(index: SearchIndex) -> SearchIndex:
    for one in LIBRARY:
        index.replace_document(one)
    return index


# What is found


def test_a_hit_says_where_it_is_and_shows_it(library: SearchIndex):
    results = library.search("plaintiff")
    (hit,) = results.hits
    assert results.total == 1
    assert (hit.document, hit.name, hit.page) == (REPORT.id, "Brake failure report.pdf", 1)
    assert (hit.owner, hit.owner_name) == (REPORT.owner, "Dr. Ada Miller")
    assert marked(hit) == ["plaintiff"]
    assert shown(hit).startswith("I was retained by counsel for the plaintiff to determine")
    assert hit.score > 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("brakes", {REPORT.name, MEMO.name}),
        ("BRAKE serviced", {REPORT.name}),
        ("serviced plaintiff", set()),  # on two different pages
        ("certainties", {REPORT.name}),
        ("reconstructing accidents", {CV.name}),
        ("resume", {DEPOSITION.name}),
        ("re\u0301sume\u0301", {DEPOSITION.name}),
        ("muller naive", {DEPOSITION.name}),
        ('"duty of care"', {REPORT.name}),
        ('"care of duty"', set()),
        ('"duty of care', {REPORT.name}),
        ("brakes -draft", {REPORT.name}),
        ('brakes -"work product"', {REPORT.name}),
        ("neglig* -serv*", {MEMO.name, DEPOSITION.name}),
        ("-draft", set()),
        ("509 U.S. 579", {REPORT.name}),
        ('"509 U.S. 579"', {REPORT.name}),
        ("Fed. R. Evid. 702", {REPORT.name}),
        ("O'Brien", {DEPOSITION.name}),
        ("o’brien", {DEPOSITION.name}),
        ("manufacturer’s", {REPORT.name}),
        ("epidem*", {DEPOSITION.name}),
        ('"reasonable degree of engin*"', {REPORT.name}),
        ("nothing-of-the-kind", set()),
        ("", set()),
        ("🙂", set()),
        ("plaintiff 🙂 §", {REPORT.name}),
    ],
)
def test_queries_find(library: SearchIndex, query: str, found: set[str]):
    results = library.search(query)
    assert set(names(results.hits)) == found
    assert results.total == len(results.hits)


def test_a_prefix_finds_what_begins_so_though_words_are_stemmed(library: SearchIndex):
    """ "negligence" is indexed as "neglig": taken by its stem, the prefix "negligen" would find nothing."""
    assert set(names(library.search("negligen*").hits)) >= {REPORT.name, MEMO.name}
    assert names(library.search("manufacturin*").hits) == []


def test_a_prefix_is_not_shortened_to_its_own_stem(library: SearchIndex):
    """The stem of "caus" is "cau", which would find the caucus."""
    hits = library.search("caus*").hits
    assert {hit.name for hit in hits} == {REPORT.name, DEPOSITION.name}
    assert {word for hit in hits for word in marked(hit)} == {"cause", "causation"}


def test_a_short_prefix_finds_more_words_than_are_spelt_out(index: SearchIndex):
    words = [f"res{a}{b}{c}" for a in "bcdgs" for b in "aeiou" for c in "lmnprstvz"]
    index.replace_document(document("many.txt", "a", *words, "reason", "read", "re"))
    results = index.search("res*", limit=1_000)
    assert results.total == len(words)
    assert {marked(hit)[0] for hit in results.hits} == set(words)


def test_a_search_keeps_to_an_owner_or_a_kind(library: SearchIndex):
    assert names(library.search("brakes", owner=REPORT.owner).hits) == [REPORT.name]
    assert names(library.search("brakes", owner=MEMO.owner).hits) == [MEMO.name]
    assert names(library.search("brakes", kind=OwnerKind.CASE).hits) == [MEMO.name]
    assert names(library.search("brakes", kind=OwnerKind.EXPERT).hits) == [REPORT.name]
    assert library.search("brakes", owner=owner("nobody")).total == 0
    assert library.search("brakes", owner=REPORT.owner, kind=OwnerKind.CASE).total == 0


def test_a_case_and_an_expert_with_the_same_id_are_two_owners(index: SearchIndex):
    expert, case = (Owner(kind, NAMES) for kind in OwnerKind)
    one = document("a.pdf", expert, "tort")
    index.replace_document(one)
    index.replace_owner(case, [])
    assert names(index.search("tort", owner=expert).hits) == ["a.pdf"]
    assert index.search("tort", owner=case).total == 0


@pytest.mark.parametrize(
    ("text", "query", "match"),
    [
        ("本合同受中华人民共和国法律管辖。", "合同", "合同"),
        ("本合同受中华人民共和国法律管辖。", "共和国法律", "共和国法律"),
        ("ABC株式会社との契約", "株式会社", "株式会社"),
        ("ABC株式会社との契約", "abc", "ABC"),
        ("대법원은 원심판결을 파기한다", "대법원", "대법원"),
        ("ศาลฎีกาพิพากษายืน", "พิพากษา", "พิพากษา"),
        ("حكمت المحكمة لصالح المدعي", "المحكمة", "المحكمة"),
        ("Суд удовлетворил иск", "СУД", "Суд"),
        ("Верховный Суд Российской Федерации", "россий*", "Российской"),
        ("Ἡ ἀπόφασις τοῦ δικαστηρίου", "ἀποφα*", "ἀπόφασις"),
        ("Expose\u0301 of the Résumé", "ré*", "Résumé"),
        ("Expose\u0301 of the Résumé", "expose*", "Expose\u0301"),
    ],
)
def test_other_scripts_are_found_and_shown_as_they_were(
    index: SearchIndex, text: str, query: str, match: str
):
    index.replace_document(document("x.pdf", "a", text))
    (hit,) = index.search(query).hits
    assert shown(hit) == text
    assert "".join(marked(hit)) == match


def test_characters_in_the_wrong_order_are_not_the_word(index: SearchIndex):
    index.replace_document(document("x.pdf", "a", "本合同受法律管辖"))
    assert index.search("同合").total == 0


# Pages


def test_the_page_is_the_one_the_match_stands_on(index: SearchIndex):
    text = "first page ends here. Second page has hearsay. Third page has estoppel."
    spans = tuple(
        PageSpan(page, text.index(word)) for page, word in ((7, "first"), (8, "Second"), (9, "Third"))
    )
    index.replace_document(document("x.pdf", "a", Passage(0, text, spans)))
    pages = {
        word: index.search(word).hits[0].page for word in ("ends", "second", "hearsay", "third", "estoppel")
    }
    assert pages == {"ends": 7, "second": 8, "hearsay": 8, "third": 9, "estoppel": 9}
    assert index.search("estoppel hearsay").hits[0].page == 8  # the first match, not the first word


def test_the_page_is_right_where_characters_take_several_bytes(index: SearchIndex):
    text = "§ é 合同法 🙂\0 " * 20 + "estoppel"
    spans = (PageSpan(1, 0), PageSpan(2, text.index("estoppel")))
    index.replace_document(document("x.pdf", "a", Passage(0, text, spans)))
    assert index.search("estoppel").hits[0].page == 2
    assert index.search("合同").hits[0].page == 1


def test_overlapping_passages_give_a_page_once(index: SearchIndex):
    one, both, two = "page one on hearsay", "hearsay again. Page two on hearsay", "on hearsay and more"
    index.replace_document(
        document(
            "x.pdf",
            "a",
            Passage(0, one, (PageSpan(1, 0),)),
            Passage(1, both, (PageSpan(1, 0), PageSpan(2, 15))),
            Passage(2, two, (PageSpan(2, 0),)),
        )
    )
    results = index.search("hearsay")
    assert sorted(hit.page or 0 for hit in results.hits) == [1, 2]
    assert results.total == 2


def test_a_document_without_pages_is_one_hit(index: SearchIndex):
    index.replace_document(document("x.docx", "a", Passage(0, "hearsay one"), Passage(1, "hearsay two")))
    results = index.search("hearsay")
    assert [hit.page for hit in results.hits] == [None]
    assert results.total == 1


def test_paging_through_gives_every_hit_once(index: SearchIndex):
    for number in range(5):
        index.replace_document(
            document(f"{number}.pdf", "a", *["hearsay " * (page + 1) for page in range(5)])
        )
    pages = [index.search("hearsay", limit=4, offset=offset) for offset in range(0, 28, 4)]
    assert {page.total for page in pages} == {25}
    hits = [(hit.name, hit.page) for page in pages for hit in page.hits]
    assert len(hits) == len(set(hits)) == 25
    assert index.search("hearsay", limit=0).hits == ()
    assert index.search("hearsay", limit=-1, offset=-5).total == 25


# Ranking and names


def test_what_says_it_more_often_comes_first(index: SearchIndex):
    index.replace_document(document("b.pdf", "a", "hearsay " + "word " * 50))
    index.replace_document(document("a.pdf", "a", "hearsay hearsay hearsay " + "word " * 48))
    hits = index.search("hearsay").hits
    assert names(hits) == ["a.pdf", "b.pdf"]
    assert hits[0].score > hits[1].score


def test_a_name_counts_a_little(index: SearchIndex):
    index.replace_document(document("notes.pdf", "a", "on hearsay and other things"))
    index.replace_document(document("hearsay.pdf", "a", "on hearsay and other things"))
    assert names(index.search("hearsay").hits) == ["hearsay.pdf", "notes.pdf"]


def test_a_document_found_by_its_name_alone_is_one_hit_and_shows_its_beginning(library: SearchIndex):
    (hit,) = library.search("deposition").hits
    assert (hit.name, hit.page, marked(hit)) == (DEPOSITION.name, None, [])
    assert shown(hit).startswith("Q. Did you review")


def test_words_may_be_spread_over_name_and_text(library: SearchIndex):
    (hit,) = library.search("deposition epidemiology").hits
    assert (hit.name, hit.page) == (DEPOSITION.name, 2)


def test_a_document_without_text_is_found_by_its_name(index: SearchIndex):
    index.replace_document(document("Scanned_exhibit-14.pdf", "a"))
    (hit,) = index.search("exhibit 14").hits
    assert (hit.page, hit.excerpt) == (None, ())


def test_hostile_text_comes_back_as_plain_text(index: SearchIndex):
    text = '<script>alert("hearsay")</script> \x02hearsay\x03 \ud800 \x00 end'
    index.replace_document(document("\ud800\x00<i>.pdf", "a", text))
    (hit,) = index.search("hearsay").hits
    assert hit.name == "  <i>.pdf"
    assert shown(hit) == '<script>alert("hearsay")</script> hearsay end'
    assert marked(hit) == ["hearsay", "hearsay"]


# Experts


def test_an_expert_is_found_by_words_spread_over_documents(library: SearchIndex):
    assert library.search("brakes professor").total == 0
    results = library.search_experts("brakes professor")
    (expert,) = results.experts
    assert results.total == 1
    assert (expert.owner, expert.owner_name) == (REPORT.owner, "Dr. Ada Miller")
    assert expert.matching_documents == 2
    assert {(hit.name, hit.page) for hit in expert.hits} == {(REPORT.name, 2), (CV.name, None)}
    assert {word for hit in expert.hits for word in marked(hit)} == {"brakes", "Professor"}


def test_cases_are_no_experts(library: SearchIndex):
    assert library.search_experts("jane doe").total == 0


def test_an_expert_who_writes_of_it_throughout_comes_before_one_who_mentions_it(index: SearchIndex):
    for number in range(4):
        index.replace_document(
            document(f"{number}.pdf", "specialist", "on asbestos and lungs", "more on asbestos")
        )
        index.replace_document(
            document(f"{number}.pdf", "generalist", "on lungs", "asbestos" * (number == 0))
        )
        index.replace_document(document(f"{number}.pdf", "stranger", "on bridges", "and dams"))
    experts = index.search_experts("asbestos").experts
    assert [expert.owner_name for expert in experts] == ["specialist", "generalist"]
    assert [expert.matching_documents for expert in experts] == [4, 1]
    assert experts[0].score > experts[1].score


def test_an_excluded_word_in_any_document_excludes_the_expert(library: SearchIndex):
    assert library.search_experts("opinion").total == 1
    assert library.search_experts('opinion -"vehicle dynamics"').total == 0


def test_experts_are_found_by_names_of_documents_too(library: SearchIndex):
    assert [expert.owner_name for expert in library.search_experts("deposition").experts] == [
        "Prof. Noor Haddad"
    ]


def test_paging_through_experts_gives_each_once(index: SearchIndex):
    for number in range(7):
        index.replace_document(document("x.pdf", f"expert {number}", "on hearsay"))
    pages = [index.search_experts("hear*", limit=3, offset=offset) for offset in range(0, 12, 3)]
    assert {page.total for page in pages} == {7}
    assert sorted(expert.owner_name for page in pages for expert in page.experts) == [
        f"expert {number}" for number in range(7)
    ]


# Writing


def test_replacing_a_document_leaves_nothing_of_what_it_was(index: SearchIndex):
    index.replace_document(document("x.pdf", "a", "hearsay", "estoppel", version="1"))
    replaced = document("x.pdf", "a", "laches", version="2")
    index.replace_document(replaced)
    index.replace_document(replaced)
    assert index.search("hearsay").total == index.search("estoppel").total == 0
    assert index.search("laches").total == 1
    assert index.documents() == {replaced.id: "2"}


def test_a_document_may_change_its_owner(index: SearchIndex):
    before = document("x.pdf", "a", "hearsay")
    after = IndexedDocument(before.id, before.name, owner("b"), "b", "2", before.passages)
    index.replace_document(before)
    index.replace_owner(owner("b"), [after])
    assert index.search("hearsay", owner=owner("a")).total == 0
    assert names(index.search("hearsay", owner=owner("b")).hits) == ["x.pdf"]
    assert [expert.owner_name for expert in index.search_experts("hearsay").experts] == ["b"]


def test_replacing_an_owner_removes_what_is_no_longer_there(index: SearchIndex):
    index.replace_owner(
        owner("a"), [document("old.pdf", "a", "hearsay"), document("kept.pdf", "a", "hearsay")]
    )
    index.replace_document(document("other.pdf", "b", "hearsay"))
    index.replace_owner(owner("a"), (one for one in [document("kept.pdf", "a", "hearsay", version="2")]))
    assert sorted(names(index.search("hearsay").hits)) == ["kept.pdf", "other.pdf"]
    assert index.documents()[document("kept.pdf", "a").id] == "2"


def test_an_owner_is_replaced_completely_or_not_at_all(index: SearchIndex):
    index.replace_owner(owner("a"), [document("x.pdf", "a", "hearsay")])
    with pytest.raises(ValueError, match="belongs to"):
        index.replace_owner(owner("a"), [document("y.pdf", "a", "laches"), document("z.pdf", "b", "laches")])
    assert names(index.search("hearsay").hits) == ["x.pdf"]
    assert index.search("laches").total == 0


def test_what_is_deleted_is_not_found_and_deleting_it_again_is_fine(library: SearchIndex):
    for _ in range(2):
        library.delete_document(DEPOSITION.id)
        library.delete_owner(REPORT.owner)
    assert library.documents() == {MEMO.id: "1"}
    assert library.count() == 1
    assert names(library.search("brakes").hits) == [MEMO.name]
    assert library.search_experts("professor").total == 0


def test_the_index_tells_what_it_holds(library: SearchIndex):
    assert library.documents() == {one.id: "1" for one in LIBRARY}
    assert library.count() == len(LIBRARY)


def test_a_new_index_is_empty_and_well(index: SearchIndex):
    assert (index.count(), index.documents()) == (0, {})
    assert index.search("anything").total == index.search_experts("anything").total == 0
    assert index.check().is_well


def test_the_check_says_how_much_there_is(library: SearchIndex):
    health = library.check()
    assert health.is_well
    assert "4 documents" in health.detail


# What is held


def pages_of_owners(index: SearchIndex, limit: int) -> list[list[Owner]]:
    pages: list[list[Owner]] = []
    while page := index.held_owners(after=pages[-1][-1] if pages else None, limit=limit):
        pages.append(page)
    return pages


def test_an_empty_index_holds_nobody(index: SearchIndex):
    assert index.held_owners() == []
    assert index.held_documents(owner("nobody")) == []


def test_asking_on_reaches_every_owner_once(index: SearchIndex):
    held = [owner(f"{kind} {number}", kind) for number in range(5) for kind in OwnerKind]
    for one in held:
        index.replace_document(document("x.pdf", one, "tort"))
    pages = pages_of_owners(index, limit=3)
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert [one for page in pages for one in page] == sorted(held, key=lambda one: (one.kind, one.id))


def test_an_owner_whose_documents_are_gone_is_no_longer_held(library: SearchIndex):
    library.delete_owner(REPORT.owner)
    library.delete_document(MEMO.id)
    assert pages_of_owners(library, limit=1) == [[DEPOSITION.owner]]
    assert library.held_documents(REPORT.owner) == []


def test_owners_that_come_and_go_meanwhile_keep_nobody_from_being_reached(index: SearchIndex):
    stays = sorted((owner(f"stays {number}") for number in range(4)), key=lambda one: one.id)
    for one in stays:
        index.replace_document(document("x.pdf", one, "tort"))
    reached = index.held_owners(limit=2)
    index.delete_owner(reached[0])
    index.replace_document(document("x.pdf", Owner(OwnerKind.CASE, NAMES), "tort"))
    assert index.held_owners(after=reached[-1], limit=2) == stays[2:]


def test_of_a_document_is_held_what_was_given(index: SearchIndex):
    given = [
        document("a.pdf", "a", "tort", "laches", version="7"),
        document("b.docx", "a", version="without text"),
        document("c.pdf", "a", *["hearsay"] * 250, version="long"),
    ]
    index.replace_owner(owner("a"), given)
    index.replace_document(document("other.pdf", "b", "tort"))
    held = {one.name: (one.id, one.version, one.passages) for one in index.held_documents(owner("a"))}
    assert held == {
        "a.pdf": (given[0].id, "7", 2),
        "b.docx": (given[1].id, "without text", 1),
        "c.pdf": (given[2].id, "long", 250),
    }
    ids = [one.id for one in index.held_documents(owner("a"))]
    assert ids == sorted(ids)


def test_held_documents_of_a_case_and_an_expert_with_the_same_id_are_kept_apart(index: SearchIndex):
    expert, case = (Owner(kind, NAMES) for kind in (OwnerKind.EXPERT, OwnerKind.CASE))
    index.replace_document(document("a.pdf", expert, "tort"))
    index.replace_document(document("b.pdf", case, "tort"))
    assert [one.name for one in index.held_documents(expert)] == ["a.pdf"]
    assert [one.name for one in index.held_documents(case)] == ["b.pdf"]
    assert index.held_owners(limit=5) == [case, expert]


# Whatever is typed

NASTY = [
    *"\"'“”()[]{}*+-^~:;.,!?/\\|&<>=@#$%§_ \t\n\0\x02\x03\x04\x1f\x7f",
    "\ud800",
    "\udfff",
    "\ufffe",
    "\u202e",
]
PIECES = [
    *NASTY,
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    "text:",
    "{text}:",
    "rowid",
    "brakes",
    "duty of care",
    "a*",
    "é",
    "e\u0301",
]
PIECES += [
    "合同",
    "สัญญา",
    "المحكمة",
    "🙂",
    "👩‍⚖️",
    "ﬁ",
    "ß",
    "İ",
    "\u0301",
    "\U00020000",
    "x" * 300,
    "9" * 40,
    "\u200b",
]


def test_no_text_is_an_invalid_query(library: SearchIndex):
    typist = random.Random(20_240_229)
    for _ in range(600):
        query = typist.choice(("", " ")).join(typist.choices(PIECES, k=typist.randrange(1, 12)))
        results = library.search(query, limit=3)
        assert len(results.hits) == min(3, results.total)
        experts = library.search_experts(query, limit=3)
        assert len(experts.experts) == min(3, experts.total)


@pytest.mark.parametrize(
    "query",
    [
        " ".join(f"word{number}" for number in range(10_000)),
        " ".join(f"-word{number}" for number in range(10_000)) + " brakes",
        "brakes " + " ".join(f"-word{number}" for number in range(10_000)),
        '"' + "brakes " * 10_000 + '"',
        " ".join(f"{letter}{other}*" for letter in "abcdefghij" for other in "abcdefghij"),
        "(" * 5_000,
        '"' * 5_001,
        "合" * 5_000,
        "x" * 1_000_000,
        "\0" * 1_000,
    ],
    ids=lambda query: query[:12].replace("\0", "NUL"),
)
def test_no_length_is_an_invalid_query(library: SearchIndex, query: str):
    library.search(query)
    library.search_experts(query)
