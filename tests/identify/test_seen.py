import random
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from schemas import Identified, Repeat, TakenBack
from schemas.ids import article_id
from transforms.identify.identity import identity_key
from transforms.identify.seen import MAX_REVISIONS, SeenIndex

NAMES = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima".split()
SENTENCES = [
    f"Sentence {name} tells what {name} did to the {name} bridge in town." for name in NAMES
]
BODY = " ".join(SENTENCES)
OTHER = " ".join(
    f"Nobody {word} expected such a {word} flood." for word in "red blue green".split()
)


def decide(*entries, window=None):
    index = SeenIndex(window)
    return [index.identify(entry) for entry in entries]


def told(decision):
    """Shorten a decision to its revision or to the reason of the repeat."""
    return decision.reason if isinstance(decision, Repeat) else decision.revision


def test_new_article_is_named_by_its_canonical_url(make_entry) -> None:
    (found,) = decide(make_entry())
    url = "https://news.example/bridge"
    assert found == Identified(make_entry(), article_id(url, ""), url, 1)


def test_file_is_named_by_its_text_and_keeps_its_uri(make_file) -> None:
    first, second = decide(make_file("a.txt", BODY), make_file("b.txt", BODY.upper()))
    assert first.canonical_url == "file:///in/a.txt"
    assert second == Repeat("file:///in/b.txt", first.article_id, "same_text")


REPEATS = {
    "same item again": ({}, "same_url"),
    "another address of it": ({"url": "http://news.example/bridge/#top", "guid": ""}, "same_url"),
    "another feed": ({"feed_url": "https://news.example/other", "guid": "9"}, "same_url"),
    "new address, same title": ({"url": "https://news.example/b2", "summary": BODY}, "same_guid"),
    "new address, same text": ({"url": "https://news.example/b2"}, "same_guid"),
    "comma moved": ({"summary": BODY.replace("tells what", "tells, what")}, "same_url"),
    "one word changed": ({"summary": BODY.replace("town.", "village.", 1)}, "same_url"),
    "only the lead": ({"summary": " ".join(SENTENCES[:4])}, "same_url"),
    "fuller": ({"summary": "", "content": f"{BODY} {OTHER}"}, "same_url"),
    "fuller, more numbers": ({"summary": f"{BODY} {OTHER} 12 of 20 houses."}, "same_url"),
    "only the title": ({"summary": ""}, "same_url"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), REPEATS.values(), ids=REPEATS)
def test_what_says_nothing_new_is_a_repeat(make_entry, changes, reason) -> None:
    first, second = decide(make_entry(summary=BODY), make_entry(**{"summary": BODY} | changes))
    assert (told(second), second.article_id) == (reason, first.article_id)


CHANGES = {
    "title": {"title": "Old bridge fell"},
    "number replaced": {"summary": BODY + " 7 people were hurt."},
    "text rewritten": {"summary": OTHER + " 5 people were hurt."},
    "new title at a new address": {
        "url": "https://news.example/b2", "title": "Old bridge closed!", "summary": OTHER,
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_material_change_is_the_next_revision(make_entry, changes) -> None:
    summary = BODY + " 5 people were hurt."
    first, second = decide(
        make_entry(summary=summary), make_entry(**{"summary": summary} | changes)
    )
    assert told(second) == 2
    assert (second.article_id, second.canonical_url) == (first.article_id, first.canonical_url)


NEW_ARTICLES = {
    "guid used again": {"url": "https://news.example/b2", "title": "Mill opens", "summary": OTHER},
    "guid of another feed": {"url": "https://news.example/b2", "feed_url": "https://news.example/x"},
    "copy elsewhere": {"url": "https://other.example/bridge"},
    "no titles to compare": {"url": "https://news.example/b2", "title": "", "summary": OTHER},
}  # fmt: skip


@pytest.mark.parametrize("changes", NEW_ARTICLES.values(), ids=NEW_ARTICLES)
def test_another_article_is_not_taken_for_a_known_one(make_entry, changes) -> None:
    known = make_entry(title="") if changes.get("title") == "" else make_entry()
    first, second = decide(known, make_entry(**changes))
    assert told(second) == 1
    assert second.article_id != first.article_id


def test_items_linking_to_the_home_page_are_known_by_their_text(make_entry) -> None:
    items = [make_entry(url="https://news.example/", summary=text) for text in (BODY, OTHER, BODY)]
    assert [told(found) for found in decide(*items)] == [1, 1, "same_text"]


def test_flip_flop_between_two_versions_passes_once(make_entry) -> None:
    one, other = make_entry(), make_entry(title="Old bridge fell")
    assert [told(found) for found in decide(one, other, one, other)] == [1, 2] + ["same_url"] * 2


def test_flapping_article_stops_at_the_last_revision(make_entry) -> None:
    entries = [make_entry(title=f"Visitor number {number}") for number in range(60)]
    revisions = [told(found) for found in decide(*entries)]
    assert revisions == [*range(1, MAX_REVISIONS + 1)] + ["same_url"] * (60 - MAX_REVISIONS)


def test_change_is_measured_against_the_fuller_text_once_it_was_seen(make_entry) -> None:
    lead, full = " ".join(SENTENCES[:2]), BODY + " 5 hurt."
    later = [lead, full, full.replace("5 hurt", "7 hurt"), lead]
    found = decide(*(make_entry(summary=summary) for summary in later))
    assert [told(each) for each in found] == [1, "same_url", 2, "same_url"]


def test_article_is_forgotten_when_not_seen_for_the_window(make_entry) -> None:
    index = SeenIndex(timedelta(days=2))
    start = make_entry().received_at
    other = {"url": "https://news.example/x", "guid": "9", "title": "Another"}
    for day, expected in ((0, 1), (1, "same_url"), (2, None), (3, "same_url"), (4, None), (5, None),
                          (6, 1)):  # fmt: skip
        at = {"received_at": start + timedelta(days=day)}
        if expected is None:
            index.identify(make_entry(**at, **other))
        else:
            assert told(index.identify(make_entry(**at))) == expected, day


def test_a_break_in_which_nothing_came_counts_as_one_day(make_entry) -> None:
    index = SeenIndex(timedelta(days=2))
    start = make_entry().received_at
    index.identify(make_entry())
    late = make_entry(received_at=start + timedelta(days=40))
    assert told(index.identify(late)) == "same_url"


def test_without_a_window_nothing_is_forgotten(make_entry) -> None:
    late = make_entry(received_at=make_entry().received_at + timedelta(days=9000))
    assert told(decide(make_entry(), late, window=None)[1]) == "same_url"


def test_old_file_is_remembered_from_when_it_came(make_entry, make_file) -> None:
    index = SeenIndex(timedelta(days=2))
    index.identify(make_entry())
    old = make_file("a.txt", BODY, received_at=make_entry().received_at - timedelta(days=900))
    assert [told(index.identify(old)) for _ in range(2)] == [1, "same_text"]


def test_state_of_another_version_or_broken_state_is_refused(make_entry) -> None:
    index = SeenIndex(None)
    index.identify(make_entry())
    (sighting,) = index.changes()
    for state in (b"", b"something", b"\x01" + sighting.state[1:], sighting.state[:-3]):
        with pytest.raises(ValueError, match=sighting.article_id):
            SeenIndex(None).learn(replace(sighting, state=state))


def test_what_is_merely_seen_again_is_told_once_in_a_quarter_of_the_window(make_entry) -> None:
    index = SeenIndex(timedelta(days=8))
    start = make_entry().received_at
    tellings = []
    for hour in range(0, 24 * 8, 12):
        index.identify(make_entry(received_at=start + timedelta(hours=hour)))
        tellings.append(len(index.changes()))
    assert tellings[0] == 1
    assert 2 <= sum(tellings[1:]) <= 4


def random_entries(make_entry, make_file, seed, amount=60):
    """Make a stream with few addresses, guids and texts, so that all of them collide."""
    rng = random.Random(seed)
    at = make_entry().received_at
    texts = [BODY, OTHER, " ".join(SENTENCES[:3]), BODY.replace("town", "8 towns"), ""]
    for number in range(amount):
        at += timedelta(hours=rng.randrange(12))
        common = {"key": f"k{number}", "received_at": at, "title": rng.choice(["A", "B", ""])}
        if rng.random() < 0.3:
            yield make_file(f"{number}.txt", rng.choice(texts), **common)
            continue
        host = rng.choice(["a.example", "b.example", "www.a.example"])
        yield make_entry(
            url=f"https://{host}/{rng.choice(['', '1', '2', '3'])}",
            guid=rng.choice(["", "1", "2"]),
            feed_url=f"https://{rng.choice('ab')}.example/feed",
            summary=rng.choice(texts),
            **common,
        )


@pytest.mark.parametrize("seed", range(40))
def test_an_index_that_learned_what_another_told_decides_alike(make_entry, make_file, seed) -> None:
    kept, told_of = SeenIndex(None), []
    for entry in random_entries(make_entry, make_file, seed):
        other = SeenIndex(None)
        for sighting in told_of:
            other.learn(sighting)
        assert other.identify(entry) == kept.identify(entry)
        told_of += kept.changes()


@pytest.mark.parametrize("seed", range(40))
def test_one_index_decides_as_one_index_per_bucket_does(make_entry, make_file, seed) -> None:
    whole = SeenIndex(None)
    buckets = defaultdict(lambda: SeenIndex(None))
    for entry in random_entries(make_entry, make_file, seed):
        assert whole.identify(entry) == buckets[identity_key(entry)].identify(entry)


@pytest.mark.parametrize("seed", range(20))
def test_each_article_and_revision_passes_once(make_entry, make_file, seed) -> None:
    found = decide(*random_entries(make_entry, make_file, seed, amount=200))
    passed = [(new.article_id, new.revision) for new in found if isinstance(new, Identified)]
    assert len(passed) == len(set(passed))


def test_memory_per_article_is_bounded(make_entry) -> None:
    index = SeenIndex(None)
    for number in range(400):  # one article under ever new addresses, with ever new texts
        index.identify(
            make_entry(
                url=f"https://news.example/{number}",
                summary=" ".join(f"word{number}x{word} {word}" for word in range(500)),
            )
        )
    assert len(index) == 1
    (sighting,) = index.changes()
    assert len(sighting.state) < 3_000


def taken(ref, feed="https://news.example/feed", when="", domains=("news.example",), hours=1):
    received = datetime(2024, 5, 1, 12, tzinfo=timezone.utc) + timedelta(hours=hours)
    return TakenBack("doc", ref, when, feed, domains, received)


def test_a_feed_takes_back_what_it_showed_under_that_id_once(make_entry):
    index = SeenIndex(timedelta(days=14))
    found = index.identify(make_entry(guid="tag:1"))
    when = "2024-05-01T12:30:00Z"
    notice = index.take_back(taken("tag:1", when=when))
    assert (notice.article_id, notice.kind) == (found.article_id, "retracted")
    assert notice.noticed_at == datetime.fromisoformat(when)
    assert notice.evidence == "at:deleted-entry ref=tag:1 of https://news.example/feed"
    assert index.take_back(taken("tag:1", when=when)) == "again"
    assert index.take_back(taken("tag:2")) == "unknown"


def test_a_feed_takes_back_an_address_of_its_own_site(make_entry):
    index = SeenIndex(timedelta(days=14))
    index.identify(make_entry(guid=""))
    assert not isinstance(index.take_back(taken("https://news.example/bridge")), str)


@pytest.mark.parametrize(
    ("ref", "feed"),
    [
        ("tag:1", "https://other.example/feed"),
        ("tag:1", "https://news.example/other-feed"),
        ("https://news.example/bridge", "https://other.example/feed"),
        ("https://a.blogspot.com/bridge", "https://b.blogspot.com/feed"),
        ("https://good.substack.com/p/x", "https://evil.substack.com/feed"),
        ("https://good.substack.com/p/x", "https://substack.com/feed"),
        ("https://good.ghost.io/x", "https://evil.ghost.io/rss"),
        ("https://good.wordpress.com/x", "https://evil.wordpress.com/feed"),
        ("https://medium.com/@good/x", "https://medium.com/feed/@evil"),
        ("https://medium.com/@good/x", "https://medium.com/@evil"),
        ("https://abcnews.go.com/x", "https://espn.go.com/feed"),
        ("https://news.google.com/rss/articles/x", "https://news.google.com/rss"),
        ("https://rss.app/articles/x", "https://rss.app/feeds/1.xml"),
        ("http://[", "https://other.example/feed"),
        ("x" * 2000, "file://[x"),
    ],
)
def test_no_feed_takes_back_what_another_one_published(make_entry, ref, feed):
    index = SeenIndex(timedelta(days=14))
    index.identify(make_entry(guid="tag:1"))
    index.identify(make_entry(guid="", url="https://a.blogspot.com/bridge", title="Blog"))
    if ref.startswith("https://"):
        index.identify(make_entry(guid="", url=ref, title="Theirs"))
    assert index.take_back(taken(ref, feed)) == "unknown"


@pytest.mark.parametrize(
    ("ref", "feed"),
    [
        ("https://good.substack.com/p/x", "https://good.substack.com/feed"),
        ("https://medium.com/@good/x", "https://medium.com/feed/@good"),
        ("https://www.bbc.co.uk/news/1", "https://feeds.bbci.co.uk/news/rss.xml"),
        ("https://xn--mnchen-zeitung-gsb.de/x", "https://münchen-zeitung.de/feed"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/feed"),
    ],
)
def test_a_publisher_takes_back_what_another_feed_brought(make_entry, ref, feed):
    index = SeenIndex(timedelta(days=14))
    index.identify(make_entry(guid="", url=ref, feed_url="https://other.example/feed"))
    assert not isinstance(index.take_back(taken(ref, feed)), str)


EVIL = "https://evil.example/feed"


def again(index):
    """Another index that learned all that was told, as a run that goes on does."""
    other = SeenIndex(timedelta(days=14))
    for sighting in index.changes():
        other.learn(sighting)
    return other


@pytest.mark.parametrize("goes_on", [again, lambda index: index])
def test_a_feed_that_only_repeats_an_article_cannot_take_it_back(make_entry, goes_on):
    index = SeenIndex(timedelta(days=14))
    found = index.identify(make_entry(guid="tag:1"))
    assert isinstance(index.identify(make_entry(guid="evil:1", feed_url=EVIL)), Repeat)
    index.identify(make_entry(guid="evil:1", feed_url=EVIL, title="A new title"))
    index = goes_on(index)
    assert index.take_back(taken("evil:1", EVIL, domains=("news.example",))) == "unknown"
    assert index.take_back(taken("tag:1")).article_id == found.article_id


@pytest.mark.parametrize("goes_on", [again, lambda index: index])
def test_a_feed_that_brought_an_article_takes_it_back_under_its_id(make_entry, goes_on):
    index = SeenIndex(timedelta(days=14))
    found = index.identify(make_entry(guid="e:1", feed_url=EVIL))
    index.identify(make_entry(guid="tag:1", title="A new title"))  # of the publisher itself
    index = goes_on(index)
    assert index.take_back(taken("e:1", EVIL)).article_id == found.article_id
    assert index.take_back(taken("tag:1")) == "again"


@pytest.mark.parametrize(
    ("home", "passed_on"),
    [("https://www.news.example/", False), (EVIL, True), ("", True)],
)
def test_a_feed_kept_as_a_file_speaks_for_the_home_it_names(make_entry, home, passed_on):
    index = SeenIndex(None)
    index.identify(make_entry(feed_url="file:///in/monday.xml"))
    changed = make_entry(feed_url="file:///in/friday.xml", source_url=home, title="CORRECTED: A")
    assert index.identify(changed).passed_on is passed_on


def test_a_publisher_takes_back_by_its_own_id_what_another_feed_brought(make_entry):
    index = SeenIndex(timedelta(days=14))
    found = index.identify(make_entry(guid="e:1", feed_url=EVIL))
    index.identify(make_entry(guid="tag:1"))
    assert index.take_back(taken("tag:1")).article_id == found.article_id


@pytest.mark.parametrize("goes_on", [again, lambda index: index])
@pytest.mark.parametrize(
    ("feed", "passed_on"),
    [
        (EVIL, True),
        ("https://news.example/feed", False),
        ("https://news.example/other-feed", False),
        ("", False),  # a file that was dropped
    ],
)
def test_a_change_is_passed_on_when_another_publishers_feed_tells_it(
    make_entry, goes_on, feed, passed_on
):
    index = SeenIndex(timedelta(days=14))
    assert not index.identify(make_entry(guid="tag:1")).passed_on
    changed = goes_on(index).identify(make_entry(feed_url=feed, title="CORRECTED: Old bridge"))
    assert (changed.revision, changed.passed_on) == (2, passed_on)


@pytest.mark.parametrize(
    "when", ["", "soon", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1999-01-01"]
)
def test_a_time_that_cannot_be_true_is_when_the_feed_came(make_entry, when):
    index = SeenIndex(timedelta(days=14))
    index.identify(make_entry(guid="tag:1"))
    asked = taken("tag:1", when=when)
    assert index.take_back(asked).noticed_at == asked.received_at


def test_what_was_taken_back_stays_so_in_another_index(make_entry):
    index, other = SeenIndex(timedelta(days=14)), SeenIndex(timedelta(days=14))
    index.identify(make_entry(guid="tag:1"))
    index.take_back(taken("tag:1"))
    for sighting in index.changes():
        other.learn(sighting)
    assert other.take_back(taken("tag:1")) == "again"
