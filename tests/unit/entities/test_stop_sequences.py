from itertools import combinations, pairwise

import pytest

from unified_intelligence.entities.stop_sequences import StopSequences


@pytest.mark.parametrize(("text", "sequences", "left"), [
    ("Bonjour.\n\nFin", ("\n\n",), "Bonjour."), ("aab", ("ab",), "a"), ("un deux", ("trois",), "un deux"),
    ("xay", ("ay", "a"), "x"), ("é🙂é", ("🙂é",), "é"), ("abc", (), "abc"), ("stop", ("stop",), ""),
    ("un STO", ("STOP",), "un STO"),
])  # fmt: skip
def test_every_cutting_ends_at_the_first_stop_sequence(text: str, sequences: tuple[str, ...], left: str) -> None:
    for cuts in (cuts for count in range(3) for cuts in combinations(range(len(text) + 1), count)):
        stop, out = StopSequences(sequences), ""
        for start, end in pairwise((0, *cuts, len(text))):
            if not stop.met:
                out += stop.feed(text[start:end])
        assert out + ("" if stop.met else stop.flush()) == left, cuts
        assert stop.met == any(sequence in text for sequence in sequences)


def test_of_two_that_overlap_the_one_complete_first_counts_however_the_text_is_cut_up() -> None:
    text, sequences = "bé 🙂caac", ("é 🙂ca", "c", "a")
    for size in range(1, len(text) + 1):
        stop, out = StopSequences(sequences), ""
        for at in range(0, len(text), size):
            out += "" if stop.met else stop.feed(text[at : at + size])
        assert (size, out) == (size, "bé 🙂")
