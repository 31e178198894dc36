import random
from datetime import datetime, timedelta, timezone

from transforms.fetch.repeats import RepeatedTexts, text_hash

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
WALL, STORY = text_hash("Please agree to our cookies"), text_hash("The council voted")
HOUR = timedelta(hours=1)


def decided(seen, pages):
    """Add each (domain, url, text, time) and say at once whether it is a wall."""
    said = []
    for domain, url, text, at in pages:
        seen.add(domain, url, text, at)
        said.append(seen.is_wall(domain, text, at))
    return said


def test_third_address_of_one_text_tells():
    pages = [("a.example", f"/{number}", WALL, NOON) for number in range(5)]
    assert decided(RepeatedTexts(), pages) == [False, False, True, True, True]


def test_same_address_again_does_not_count():
    pages = [("a.example", f"/{number % 2}", WALL, NOON) for number in range(8)]
    assert not any(decided(RepeatedTexts(), pages))


def test_domains_and_texts_are_told_apart():
    pages = [
        (domain, f"/{text[:2]!r}", text, NOON)
        for domain in ("a.example", "b.example", "c.example")
        for text in (WALL, STORY)
    ]
    assert not any(decided(RepeatedTexts(), pages))


def test_addresses_of_other_days_do_not_count():
    times = [NOON, NOON + 13 * HOUR, NOON + 25 * HOUR, NOON + 37 * HOUR, NOON + 50 * HOUR]
    pages = [("a.example", f"/{at}", WALL, at) for at in times]
    assert decided(RepeatedTexts(), pages) == [False, False, False, True, False]


def test_pages_that_came_together_are_all_known_once_the_third_is():
    seen = RepeatedTexts()
    for number in range(3):
        seen.add("a.example", f"/{number}", WALL, NOON)
    assert seen.is_wall("a.example", WALL, NOON - HOUR)
    assert not seen.is_wall("a.example", WALL, NOON - 25 * HOUR)


def test_memory_is_bounded_and_forgets_the_oldest():
    seen = RepeatedTexts(max_texts=10)
    for number in range(1000):
        seen.add("a.example", f"/{number}", WALL, NOON)
        seen.add("a.example", f"/{number}", text_hash(f"story {'x' * number}"), NOON)
    assert len(seen._seen) == 10
    assert max(map(len, seen._seen.values())) == 3
    assert seen.is_wall("a.example", WALL, NOON)


def test_answers_follow_from_what_was_added_alone():
    rng = random.Random(5)
    pages = [
        (rng.choice("ab"), rng.choice("123456"), rng.choice((WALL, STORY)), NOON + HOUR * n)
        for n in range(200)
    ]
    assert decided(RepeatedTexts(), pages) == decided(RepeatedTexts(), pages)


def test_hash_ignores_what_changes_with_every_request():
    first = text_hash("Please agree, 12:04. Request 8f3a9c2e. Tom’s Café")
    assert first == text_hash("please AGREE 13:55 request 77bd01e0 Tom's Café!")
    assert first != text_hash("Please agree, 12:04. Request. Ann’s Café")
