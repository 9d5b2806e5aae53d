"""Which faces are worked on together."""

from faceswap.conversion.swap.grouping import in_groups


def test_results_keep_their_order_and_groups_are_bounded():
    seen = []

    def work(some):
        seen.append("".join(some))
        return [name.upper() for name in some]

    sides = {"a": 64, "b": 32, "c": 64, "d": 64, "e": 256}
    assert in_groups("abcde", lambda name: (sides[name], ""), work, 2 * 64**2) == list("ABCDE")
    assert seen == ["ac", "d", "b", "e"]
