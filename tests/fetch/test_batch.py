import threading
import time

import pytest

from transforms._shared.web.workers import Workers
from transforms.fetch.batch import get_all


@pytest.fixture
def run():
    """``run(urls, get, **changes)``: the results, with eight threads and hardly any pause."""

    def call(urls, get, **changes):
        options = {
            "most_at_once": 2,
            "pause_seconds": 0.0,
            "max_seconds": 60.0,
            "clock": time.monotonic,
        }
        return get_all(urls, get, Workers(8), **(options | changes))

    return call


def test_results_come_in_the_order_of_the_addresses(run):
    urls = [f"https://{number % 7}.example/{number}" for number in range(60)]
    assert run(urls, lambda url: url.upper()) == [url.upper() for url in urls]


def test_nothing_to_do_is_done_at_once(run):
    assert run([], str) == []


def test_same_address_twice_is_asked_for_twice(run):
    assert run(["https://a.example/x"] * 3, len) == [19] * 3


def test_only_two_of_one_domain_are_under_way_but_many_of_different_ones(run):
    running, most, guard = {}, {}, threading.Lock()
    meet = threading.Barrier(4)

    def get(url):
        lane = url.split("/")[2]
        with guard:
            running[lane] = running.get(lane, 0) + 1
            most[lane] = max(most.get(lane, 0), running[lane])
        meet.wait(timeout=30)  # two of each domain are here at the same time
        with guard:
            running[lane] -= 1

    run([f"https://{name}.example/{n}" for name in "ab" for n in range(10)], get)
    assert most == {"a.example": 2, "b.example": 2}


def test_a_busy_domain_does_not_hold_up_others(run):
    done = []
    urls = [f"https://busy.example/{n}" for n in range(4)] + ["https://other.example/a"]
    run(urls, done.append, most_at_once=1, pause_seconds=0.02)
    assert done.index("https://other.example/a") < 3


def test_hosts_of_ones_own_have_no_lane(run):
    meet = threading.Barrier(6)
    run([f"http://127.0.0.1/{n}" for n in range(6)], lambda _: meet.wait(timeout=30))


def test_what_has_no_turn_in_time_is_left_out(run):
    now = [0.0]

    def get(url):
        now[0] += 1.5
        return url

    urls = [f"https://a.example/{n}" for n in range(5)]
    found = run(urls, get, most_at_once=1, max_seconds=2.0, clock=lambda: now[0])
    assert found == [*urls[:2], None, None, None]


def test_nothing_begins_when_all_is_to_end():
    begun = []
    found = get_all(
        ["https://a.example/", "https://b.example/"], begun.append, Workers(2), most_at_once=2,
        pause_seconds=1.0, max_seconds=60.0, clock=time.monotonic, stopping=lambda: True,
    )  # fmt: skip
    assert (found, begun) == ([None, None], [])
