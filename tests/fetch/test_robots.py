import threading
from functools import partial

import pytest

from transforms._shared.web.fetch import HttpFetcher
from transforms._shared.web.politeness import Politeness
from transforms.fetch.robots import MAX_ROBOTS_BYTES, RobotsDecision, RobotsRules, origin_of

SITE = "https://town.example"
ROBOTS = f"{SITE}/robots.txt"
DAY, TEN_MINUTES = 24 * 3600, 600


@pytest.fixture
def allowed(web, robots):
    """``allowed(text, path)``: what a robots.txt of that text says of that path."""

    def ask(text, path="/story"):
        web.answer(ROBOTS, text, "text/plain")
        return robots.decide(SITE + path).allowed

    return ask


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow: /private\n", "/a", True),
        ("User-agent: *\nDisallow: /private\n", "/private/a", False),
        ("User-agent: *\nDisallow: /\nAllow: /news/", "/news/a", True),
        ("User-agent: newsevents\nAllow: /\n\nUser-agent: *\nDisallow: /", "/a", True),
        ("User-agent: NewsEvents/2.1\nDisallow: /\n\nUser-agent: *\nAllow: /", "/a", False),
        ("User-agent: otherbot\nDisallow: /", "/a", True),
        ("User-agent: otherbot\nUser-agent: newsevents\nDisallow: /", "/a", False),
        ("User-agent: otherbot\nUser-agent: thirdbot\nDisallow: /", "/a", True),
        ("User-agent: news\nDisallow: /", "/a", True),
        ("User-agent: newsevents*\nDisallow: /", "/a", False),
        ("User-agent:\nDisallow: /", "/a", True),
        ("User-agent: newsevents-images\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /*.php$", "/a.php", False),
        ("User-agent: *\nDisallow: /*.php$", "/a.php?x=1", True),
        ("User-agent: *\nDisallow: /%C3%BC", "/ü", False),
        ("\ufeffUser-agent: *\r\nDisallow: / # all of it\r\n", "/a", False),
        ("useragent *\ndisallow /\n", "/a", False),
        ("Disallow: /", "/a", True),
        ("<!doctype html><html><body>Disallow: /</body></html>", "/a", True),
        ("User-agent: *\nDisallow: /a\x00b\n\x00\xff", "/c", True),
    ],
)
def test_rules_are_those_for_us_else_those_for_all(allowed, text, path, expected):
    assert allowed(text, path) is expected


def test_decision_says_why(web, robots):
    web.answer(ROBOTS, "User-agent: *\nDisallow: /no\nCrawl-delay: 7.5", "text/plain")
    assert robots.decide(f"{SITE}/yes") == RobotsDecision(True, "rules", 7.5)
    assert robots.decide(f"{SITE}/no") == RobotsDecision(False, "robots", 7.5)
    assert robots.decide("https://city.example/a") == RobotsDecision(True, "no_rules")


@pytest.mark.parametrize("delay", ["-1", "nan", "inf", "soon", "1" * 400])
def test_senseless_crawl_delays_do_not_count(web, robots, delay):
    web.answer(ROBOTS, f"User-agent: *\nCrawl-delay: {delay}", "text/plain")
    assert robots.decide(f"{SITE}/a") == RobotsDecision(True, "rules")


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 451])
def test_a_missing_file_allows_everything_for_a_day(web, robots, clock, status):
    web.fail(ROBOTS, status=status)
    assert robots.decide(f"{SITE}/a") == RobotsDecision(True, "no_rules")
    clock.now += DAY - 1
    robots.decide(f"{SITE}/a")
    assert len(web.requests) == 1
    clock.now += 1
    robots.decide(f"{SITE}/a")
    assert len(web.requests) == 2


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("http_status", 429),
        ("http_status", 500),
        ("http_status", 503),
        ("unknown_host", None),
        ("connection_failed", None),
        ("tls_failed", None),
        ("deadline", None),
        ("too_large", 200),
        ("broken_encoding", 200),
    ],
)
def test_a_file_that_does_not_come_forbids_everything_for_a_while(
    web, robots, clock, reason, status
):
    web.fail(ROBOTS, reason, status=status)
    assert robots.decide(f"{SITE}/a") == RobotsDecision(False, "robots_unreachable")
    web.answer(ROBOTS, "", "text/plain")
    clock.now += TEN_MINUTES - 1
    assert not robots.decide(f"{SITE}/a").allowed
    clock.now += 1
    assert robots.decide(f"{SITE}/a").allowed


def test_not_modified_without_having_asked_is_no_answer(web, robots):
    web.answer(ROBOTS, status=304)
    assert robots.decide(f"{SITE}/a").reason == "robots_unreachable"


def test_too_many_redirects_are_no_rules(web, robots):
    web.fail(ROBOTS, "too_many_redirects")
    assert robots.decide(f"{SITE}/a") == RobotsDecision(True, "no_rules")


def test_address_that_must_not_be_asked_is_said_to_be_one(web, robots):
    web.fail("http://inside.example/robots.txt", "private_address")
    assert robots.decide("http://inside.example/a").reason == "private_address"
    assert robots.decide("ftp://town.example/a").reason == "unsupported_scheme"


def test_rules_are_kept_for_a_day_and_for_each_origin(web, robots, clock):
    for origin in (SITE, "http://town.example", "https://www.town.example", f"{SITE}:8443"):
        for path in ("/a", "/b"):
            assert robots.decide(origin + path).allowed
    assert len(web.requests) == 4
    clock.now += DAY
    robots.decide(f"{SITE}/a")
    assert len(web.requests) == 5


def test_asking_for_rules_is_paced_too(web, robots, clock):
    robots.decide("https://www.town.example/a")
    robots.decide("https://m.town.example/a")
    assert clock.now == 1.0


def test_no_turn_is_told_and_not_remembered(web, robots, politeness, clock, refusal):
    politeness.back_off(SITE, 30)
    assert refusal(robots.decide, f"{SITE}/a") == "backing_off"
    clock.now += 30
    assert robots.decide(f"{SITE}/a").allowed


def test_origins_not_asked_for_longest_are_forgotten(web, politeness, clock):
    robots = RobotsRules(web, politeness, clock, max_origins=2)
    for host in ("a", "b", "a", "c", "a", "b"):
        robots.decide(f"https://{host}.example/x")
    assert web.requests == [f"https://{host}.example/robots.txt" for host in "abcb"]


def test_only_so_much_text_is_kept(web, politeness, clock):
    robots = RobotsRules(web, politeness, clock, max_kept_chars=1_000)
    rules = "User-agent: *\nDisallow: /private\n" + "#" * 268
    for number in range(10):
        web.answer(f"https://{number}.example/robots.txt", rules, "text/plain")
        assert not robots.decide(f"https://{number}.example/private").allowed
    for number in (9, 8, 7, 6):
        robots.decide(f"https://{number}.example/a")
    assert len(web.requests) == 11


def test_what_comes_after_the_cap_is_not_read(allowed):
    start = "User-agent: *\nDisallow: /first\n"
    filler = "#" * (MAX_ROBOTS_BYTES - len(start) - len("\nDisallow: /last"))
    text = f"{start}{filler}\nDisallow: /last-of-all\n"
    assert not allowed(text, "/first")
    assert allowed(text, "/last-of-all")
    assert allowed(text, "/last")


@pytest.mark.parametrize(
    "lines",
    [
        [f"User-agent: bot{n}" for n in range(14_000)] + ["Disallow: /x*y"] * 14_000,
        [f"User agent bot{n}" for n in range(14_000)] + [f"Disallow: /{n}" for n in range(14_000)],
        ["User-agent: *"] + [f"Disallow: /*{n}*x*y$" for n in range(20_000)],
        ["Disallow: /" + "*" * 400_000 + "x"],
        ["User-agent: *", "Crawl-delay: " + "9" * 400_000],
    ],
    ids=["names times rules", "odd names", "wildcards", "stars", "digits"],
)
def test_hostile_files_cost_little(web, robots, lines):
    web.answer(ROBOTS, "\n".join(lines), "text/plain")
    assert robots.decide(f"{SITE}/{'abc' * 500}").allowed


def test_threads_ask_an_origin_once(web, politeness, clock):
    robots = RobotsRules(web, politeness, clock)
    decisions = []
    ask = partial(lambda: decisions.append(robots.decide(f"{SITE}/a")))
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(decisions) == 8
    assert web.requests == [ROBOTS]


def test_redirects_of_the_file_are_followed(server):
    server.answer("/robots.txt", status="301 Moved", Location="/elsewhere.txt")
    server.answer("/elsewhere.txt", b"User-agent: *\nDisallow: /private")
    robots = RobotsRules(HttpFetcher(allow_private=True), Politeness(), lambda: 0.0)
    assert robots.decide(f"{server.url}/a").allowed
    assert not robots.decide(f"{server.url}/private").allowed
    assert len(server.requests) == 2


def test_a_circle_of_redirects_is_no_rules(server):
    server.answer("/robots.txt", status="302 Found", Location="/robots.txt")
    robots = RobotsRules(HttpFetcher(allow_private=True), Politeness(), lambda: 0.0)
    assert robots.decide(f"{server.url}/a").reason == "no_rules"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Town.Example/a?b#c", "https://town.example"),
        ("http://user:secret@town.example:8080/a", "http://town.example:8080"),
        ("http://[::1]:80/a", "http://[::1]:80"),
        ("mailto:a@town.example", ""),
        ("http://[broken", ""),
    ],
)
def test_origin_is_scheme_host_and_port(url, origin):
    assert origin_of(url) == origin
