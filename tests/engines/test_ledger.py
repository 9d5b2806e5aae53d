"""What a run on a cluster remembers."""

from faceswap.engines.ledger import Ledger


def test_a_plan_is_kept_until_its_item_is_dropped():
    ledger = Ledger()
    assert ledger.plan_of(3) is None
    ledger.store_plan(3, "plan", 2)
    assert ledger.plan_of(3) == "plan"
    ledger.drop(3)
    assert ledger.plan_of(3) is None


def test_parts_wait_until_they_are_begun_or_dropped():
    ledger = Ledger()
    ledger.store_plan(0, "plan", 3)
    ledger.store_plan(1, "plan", 2)
    assert ledger.waiting() == 5
    ledger.begin(0, 1, "a", ["a"])
    ledger.begin(0, 1, "a", ["a"])
    assert ledger.waiting() == 4
    ledger.drop(1)
    assert ledger.waiting() == 2


def test_tries_on_lost_machines_do_not_count():
    ledger = Ledger()
    assert ledger.begin(0, 0, "a", ["a", "b"]) == 1
    assert ledger.begin(0, 0, "b", ["a", "b"]) == 2
    assert ledger.begin(0, 0, "b", ["b"]) == 2
    assert ledger.begin(0, 1, "b", ["b"]) == 1
    ledger.drop(0)
    assert ledger.begin(0, 0, "b", ["b"]) == 1
