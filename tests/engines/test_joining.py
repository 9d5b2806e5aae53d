"""Items whose parts arrive in any order."""

from faceswap.engines.joining import Joining, PartRow
from faceswap.engines.work import PartResult


def row(item: int, part: int, parts: int, reason: str = "") -> PartRow:
    result = None if reason or part < 0 else PartResult(10, f"{item}.{part}")
    return PartRow(item, part, parts, "facts", result, reason)


def finished(joining: Joining, *rows: PartRow) -> list[int]:
    return [pending.number for each in rows for pending in joining.add(each)]


def test_an_item_is_finished_when_all_of_its_parts_are_there():
    joining = Joining(ordered=False)
    assert finished(joining, row(4, 1, 2), row(7, 0, 1)) == [7]
    (pending,) = joining.add(row(4, 0, 2))
    assert (pending.number, pending.parts, pending.frames, pending.facts) == (4, 2, 20, "facts")
    assert [pending.results[n].facts for n in (0, 1)] == ["4.0", "4.1"]


def test_ordered_items_wait_for_those_before_them():
    joining = Joining(ordered=True)
    assert finished(joining, row(2, 0, 1), row(1, 0, 2), row(1, 1, 2)) == []
    assert finished(joining, row(0, 0, 1), row(3, 0, 1)) == [0, 1, 2, 3]


def test_an_item_without_parts_is_finished_at_once():
    assert finished(Joining(ordered=True), row(0, -1, 0), row(1, -1, 0)) == [0, 1]


def test_a_failed_part_fails_its_item_when_the_others_have_ended():
    joining = Joining(ordered=True)
    assert finished(joining, row(0, 0, 3, "broken"), row(0, 1, 3)) == []
    (pending,) = joining.add(row(0, 2, 3, "later"))
    assert (pending.reason, pending.frames) == ("broken", 10)


def test_a_part_that_comes_twice_counts_once():
    joining = Joining(ordered=True)
    assert finished(joining, row(0, 0, 2), row(0, 0, 2)) == []
    (pending,) = joining.add(row(0, 1, 2))
    assert pending.frames == 20
