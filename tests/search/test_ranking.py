"""How experts are put in order."""

from casemill.search.ranking import rank_owners


def order(lengths: dict[int, int], *frequencies: dict[int, int]) -> list[int]:
    return [owner for owner, _ in rank_owners(lengths, frequencies)]


def test_who_lacks_a_word_is_not_among_them():
    assert order({1: 10, 2: 10}, {1: 5, 2: 1}, {2: 1}) == [2]


def test_who_writes_of_it_on_more_pages_comes_first():
    assert order({1: 10, 2: 10, 3: 10}, {1: 1, 2: 4}) == [2, 1]


def test_the_same_in_fewer_pages_counts_more():
    assert order({1: 500, 2: 10, 3: 10}, {1: 3, 2: 3}) == [2, 1]


def test_a_rare_word_outweighs_a_common_one():
    lengths = dict.fromkeys(range(20), 10)
    common = dict.fromkeys(range(20), 2) | {1: 4}
    assert order(lengths, common, {1: 1, 2: 2})[0] == 2


def test_equals_keep_one_order_so_that_paging_is_stable():
    assert order({3: 10, 1: 10, 2: 10}, {2: 1, 3: 1, 1: 1}) == [1, 2, 3]


def test_owners_that_take_no_part_are_left_out():
    assert order({1: 10}, {1: 1, 9: 100}) == [1]


def test_nobody_is_ranked_for_nothing():
    assert order({1: 10}) == []
    assert order({}, {1: 1}) == []
