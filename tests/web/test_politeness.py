import threading

import pytest

from transforms._shared.rejects import RejectError
from transforms._shared.web.politeness import (
    MAX_BACK_OFF_SECONDS,
    Politeness,
    shared_politeness,
)

TOWN = "https://www.town.example/a"


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def politeness(clock):
    return Politeness(clock=clock, sleep=clock.sleep)


def starts(politeness, clock, urls, **options):
    """Make one request after the other, of no length; gives when each began."""
    begun = []
    for url in urls:
        with politeness.turn(url, **options):
            begun.append(clock.now - 1000.0)
    return begun


def refused(politeness, url=TOWN, **options):
    with pytest.raises(RejectError) as caught, politeness.turn(url, **options):
        pass
    assert caught.value.replayable
    return caught.value.reason


def test_requests_to_one_domain_start_a_second_apart(politeness, clock):
    hosts = ["www.town.example", "town.example", "news.town.example"]
    assert starts(politeness, clock, [f"https://{host}/" for host in hosts]) == [0, 1, 2]


def test_requests_to_different_domains_do_not_wait_for_each_other(politeness, clock):
    urls = ["https://town.example/", "https://city.example/", "https://a.co.uk/", "https://b.co.uk"]
    assert starts(politeness, clock, urls) == [0, 0, 0, 0]


def test_a_pause_already_over_is_not_waited_for(politeness, clock):
    starts(politeness, clock, [TOWN])
    clock.now += 0.75
    starts(politeness, clock, [TOWN])
    clock.now += 5
    starts(politeness, clock, [TOWN])
    assert clock.slept == [0.25]


@pytest.mark.parametrize(("asked", "kept"), [(0.0, 1.0), (0.5, 1.0), (20.0, 20.0), (60.0, 60.0)])
def test_a_site_may_ask_for_longer_pauses_but_not_for_shorter_ones(politeness, clock, asked, kept):
    assert starts(politeness, clock, [TOWN, TOWN], pause_seconds=asked) == [0, kept]


def test_a_site_that_wants_very_long_pauses_is_not_asked(politeness, clock):
    assert refused(politeness, pause_seconds=60.5) == "long_crawl_delay"
    assert starts(politeness, clock, [TOWN]) == [0]


def test_a_turn_that_would_come_too_late_is_given_up(politeness, clock):
    starts(politeness, clock, [TOWN], pause_seconds=30)
    assert refused(politeness, pause_seconds=30, max_wait_seconds=10) == "busy"
    assert clock.slept == []
    assert starts(politeness, clock, [TOWN], pause_seconds=30) == [30]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/a",
        "http://127.0.0.1:8000/a",
        "http://10.0.0.5/",
        "http://[::1]/",
        "no url",
        "http://[broken",
    ],
)
def test_hosts_of_ones_own_are_not_paced(politeness, clock, url):
    politeness.back_off(url, 100)
    assert starts(politeness, clock, [url] * 4, pause_seconds=500) == [0] * 4


def test_public_addresses_are_paced(politeness, clock):
    assert starts(politeness, clock, ["http://93.184.216.34/"] * 2) == [0, 1]


def test_a_domain_that_asked_for_it_is_left_alone(politeness, clock):
    politeness.back_off(TOWN, 120)
    politeness.back_off(TOWN, 5)
    assert refused(politeness, "https://m.town.example/b") == "backing_off"
    starts(politeness, clock, ["https://city.example/"])
    clock.now += 120
    assert starts(politeness, clock, [TOWN]) == [120]


def test_nobody_is_left_alone_for_more_than_a_day(politeness, clock):
    politeness.back_off(TOWN, 1e12)
    clock.now += MAX_BACK_OFF_SECONDS - 1
    assert refused(politeness) == "backing_off"
    clock.now += 1
    starts(politeness, clock, [TOWN])


def test_what_was_not_asked_for_longest_is_forgotten_first(clock):
    politeness = Politeness(max_domains=2, clock=clock, sleep=clock.sleep)
    for host in ("a.example", "b.example", "c.example"):
        politeness.back_off(f"https://{host}/", 100)
    starts(politeness, clock, ["https://a.example/"])
    assert refused(politeness, "https://c.example/") == "backing_off"


def test_what_is_under_way_is_never_forgotten(clock):
    politeness = Politeness(max_domains=1, clock=clock, sleep=clock.sleep)
    with politeness.turn(TOWN):
        starts(politeness, clock, [f"https://{number}.example/" for number in range(5)])
        assert starts(politeness, clock, [TOWN]) == [1]


def test_a_request_that_fails_gives_its_turn_back(politeness, clock):
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), politeness.turn(TOWN):
            raise ZeroDivisionError
    assert clock.now == 1004


def test_no_more_than_two_requests_to_one_domain_are_under_way():
    politeness = Politeness(pause_seconds=0)
    most, running, guard = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def ask():
        nonlocal most, running
        with politeness.turn(TOWN, max_wait_seconds=30):
            with guard:
                running += 1
                most = max(most, running)
            both.wait(timeout=30)
            with guard:
                running -= 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 2


def test_a_domain_with_no_room_is_given_up_in_time():
    politeness = Politeness(most_at_once=1, pause_seconds=0)
    with politeness.turn(TOWN):
        assert refused(politeness, max_wait_seconds=0.01) == "busy"
    with politeness.turn(TOWN):
        pass


def test_a_process_has_one_politeness():
    assert shared_politeness() is shared_politeness()
