import pytest

from transforms._shared.web.lanes import Lanes, lane_of


@pytest.mark.parametrize(
    ("url", "lane"),
    [
        ("https://feeds.news.example.co.uk/rss", "example.co.uk"),
        ("https://www.paper.com:8443/rss", "paper.com"),
        ("http://93.184.216.34/rss", "93.184.216.34"),
        ("http://[2606:2800:220:1::1]/rss", "2606:2800:220:1::1"),
        ("http://127.0.0.1:8000/rss", ""),
        ("http://[::1]/rss", ""),
        ("http://localhost/rss", ""),
        ("http://10.1.2.3/rss", ""),
        ("http://intranet/rss", "intranet"),
        ("http://16843009/rss", "16843009"),
        ("http://1.1.1/rss", "1.1.1"),
        ("http://[broken/rss", ""),
    ],
)
def test_a_lane_is_whom_a_request_burdens(url, lane):
    assert lane_of(url) == lane


def test_few_requests_go_to_one_domain_and_slowly():
    lanes = Lanes(most_open=2, pause_seconds=1.0)
    for item in "abc":
        lanes.add("a.com", item)
    assert (lanes.take(0.0), lanes.take(0.5), lanes.next_at()) == (("a.com", "a"), None, 1.0)
    assert (lanes.take(1.0), lanes.take(9.0), lanes.next_at()) == (("a.com", "b"), None, None)
    lanes.done("a.com")
    assert lanes.take(9.0) == ("a.com", "c")


def test_domains_do_not_wait_for_each_other():
    lanes = Lanes()
    for domain in ("a.com", "a.com", "b.com", "c.com"):
        lanes.add(domain, domain)
    assert [lanes.take(0.0) for _ in range(4)] == [
        ("a.com", "a.com"), ("b.com", "b.com"), ("c.com", "c.com"), None,
    ]  # fmt: skip


def test_own_hosts_are_not_spared():
    lanes = Lanes()
    for number in range(50):
        lanes.add("", number)
    assert [lanes.take(0.0)[1] for _ in range(50)] == list(range(50))
    assert lanes.take(0.0) is None
    lanes.done("", not_before=9.0)
    lanes.add("", "next")
    assert lanes.take(0.0) == ("", "next")


def test_a_domain_that_asks_for_it_is_left_alone():
    lanes = Lanes()
    lanes.add("a.com", 1)
    lanes.add("a.com", 2)
    lanes.take(0.0)
    lanes.done("a.com", not_before=60.0)
    assert (lanes.take(59.0), lanes.take(60.0)) == (None, ("a.com", 2))


def test_an_item_that_comes_later_keeps_the_pause():
    lanes = Lanes(pause_seconds=5.0)
    lanes.add("a.com", 1)
    lanes.take(0.0)
    lanes.done("a.com")
    lanes.add("a.com", 2)
    assert (lanes.take(4.0), lanes.take(5.0)) == (None, ("a.com", 2))
