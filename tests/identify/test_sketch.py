import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.identify.sketch import MAX_HASHES, Sketch, sketch

HASHES = st.sets(st.integers(0, 2**32 - 1), max_size=200)


def spread(start: int, stop: int) -> set[int]:
    return {number * 2_654_435_761 % 2**32 for number in range(start, stop)}


@given(HASHES)
def test_sketch_keeps_at_most_its_bound_and_survives_bytes(hashes: set[int]) -> None:
    made = sketch(hashes)
    assert len(made.hashes) == min(len(hashes), MAX_HASHES)
    assert made.complete == (len(hashes) <= MAX_HASHES)
    assert Sketch.from_bytes(made.to_bytes()) == made


@given(HASHES)
def test_every_set_holds_itself_and_the_empty_set(hashes: set[int]) -> None:
    assert sketch(hashes).share_in(sketch(hashes)) == 1.0
    assert sketch(set()).share_in(sketch(hashes)) == 1.0


@pytest.mark.parametrize(
    ("inner", "outer", "low", "high"),
    [
        (spread(0, 50), spread(0, 60), 1.0, 1.0),
        (spread(0, 50), spread(25, 60), 0.5, 0.5),
        (spread(0, 500), spread(0, 1000), 1.0, 1.0),
        (spread(0, 1000), spread(0, 500), 0.35, 0.65),
        (spread(0, 1000), spread(100, 1000), 0.8, 1.0),
        (spread(0, 50), spread(100, 150), 0.0, 0.0),
        (spread(0, 1), set(), 0.0, 0.0),
    ],
    ids=["whole", "half", "large in larger", "half of large", "most", "none", "nothing there"],
)
def test_share_is_estimated(inner: set[int], outer: set[int], low: float, high: float) -> None:
    assert low <= sketch(inner).share_in(sketch(outer)) <= high


def test_share_is_zero_where_the_other_sketch_cannot_tell() -> None:
    largest_hash = sketch({2**32 - 1})
    assert largest_hash.share_in(sketch(range(1000))) == 0.0
