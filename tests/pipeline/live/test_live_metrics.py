import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.live import metrics
from pipelines.live.metrics import HOST, serving
from pipelines.options import UsageError


@pytest.fixture
def served(monkeypatch, capsys):
    """A run that is served: its observer and its address."""
    monkeypatch.setattr(
        metrics,
        "snapshot",
        lambda: {("read", "out"): 5, ("read", "rejected_empty"): 1, ("write", "microseconds"): 9},
    )
    with serving(0, 60) as observer:
        said = capsys.readouterr().err
        assert said.startswith(f"metrics: http://{HOST}:")
        yield observer, said.split()[1]


def get(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def scrape(address):
    """Give every sample, by name and the values of its labels in the order of their names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(get(address))
        for sample in family.samples
    }


def test_process_is_served_before_the_first_round(served):
    samples = scrape(served[1])
    assert samples["newsevents_items_total", "out", "read"] == 5
    assert samples["newsevents_items_total", "rejected_empty", "read"] == 1
    assert samples["newsevents_rounds_total",] == 0
    assert ("newsevents_round_seconds",) not in samples
    assert samples["process_resident_memory_bytes",] > 1e6
    assert ("process_cpu_seconds_total",) in samples
    assert sum(name[0] == "newsevents_build_info" for name in samples) == 1
    assert not any("microseconds" in name for name in samples)


def test_rounds_add_up(served, make_round, make_letter, make_event, after):
    observer, address = served
    observer.round_ended(make_round(0), {}, [], after(0))
    observer.round_ended(make_round(1, events=[make_event()] * 3), {}, [], after(2))
    letters = [make_letter(), make_letter("empty", "parse"), make_letter()]
    ended = make_round(2, events=[make_event()], dead_letters=letters)
    observer.round_ended(ended, {}, [], after(61.5))
    samples = scrape(address)
    assert samples["newsevents_rounds_total",] == 2
    assert samples["newsevents_round_seconds",] == 1.5
    assert samples["newsevents_last_round_timestamp_seconds",] == after(61.5).timestamp()
    assert samples["newsevents_rows_total", "events"] == 4
    assert samples["newsevents_dead_letters_total", "http_status", "read"] == 2
    assert samples["newsevents_dead_letters_total", "empty", "parse"] == 1


def test_feeds_are_as_they_are_now(served, make_round, make_feed, after):
    observer, address = served
    feeds = [
        make_feed(feed="good"),
        make_feed(feed="bad", failures=3, error="HTTP 500", changed_at=None),
        make_feed(feed="still", silent=True),
    ]
    observer.round_ended(make_round(), {}, feeds, after(0))
    samples = scrape(address)
    assert {feed: samples["newsevents_feed_failures", feed] for feed in ("good", "bad")} == {
        "good": 0,
        "bad": 3,
    }
    assert samples["newsevents_feed_silent", "still"] == 1
    changed = "newsevents_feed_last_change_timestamp_seconds"
    assert samples[changed, "good"] == after(0).timestamp()
    assert (changed, "bad") not in samples
    observer.round_ended(make_round(), {}, [make_feed(feed="bad")], after(60))
    assert scrape(address)["newsevents_feed_failures", "bad"] == 0


def test_feeds_of_one_label_are_one_series_that_shows_the_worst(
    served, make_round, make_feed, after
):
    observer, address = served
    names = ['a"b\\c\n{}', 'a"b\\c\x00{}', 'a"b\\c\ud800{}']
    feeds = [make_feed(feed=name, failures=n % 2 * 7) for n, name in enumerate(names)]
    observer.round_ended(make_round(), {}, feeds, after(0))
    page = get(address)
    assert page.count("newsevents_feed_failures{") == 1
    assert scrape(address)["newsevents_feed_failures", 'a"b\\c {}'] == 7


def test_openmetrics_is_spoken_when_asked_for(served):
    page = get(served[1], Accept="application/openmetrics-text; version=1.0.0")
    assert page.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", 404),
        ("GET", "/metrics/x", 404),
        ("GET", "/metrics?name=x", 200),
        ("HEAD", "/metrics", 405),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
    ],
)
def test_only_the_page_of_metrics_can_be_got(served, method, path, code):
    address = served[1].removesuffix("/metrics") + path
    request = urllib.request.Request(address, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == code
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == code


def test_port_in_use_is_refused_in_one_line():
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        threads = set(threading.enumerate())
        with (
            pytest.raises(UsageError, match=rf"port {port} .*in use.*--metrics_port"),
            serving(port, 60),
        ):
            pass
        assert set(threading.enumerate()) == threads


def test_only_this_machine_is_served(served):
    port = int(served[1].rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.2", port)):
        pass


def test_port_is_free_again_after_the_run(capsys):
    threads = set(threading.enumerate())
    with serving(0, None):
        address = capsys.readouterr().err.split()[1]
        get(address)
    assert set(threading.enumerate()) == threads
    port = int(address.rpartition(":")[2].partition("/")[0])
    with pytest.raises(urllib.error.URLError):
        get(address)
    with serving(port, None):
        get(address)


def test_client_that_says_nothing_does_not_hold_up_the_end(capsys):
    threads = set(threading.enumerate())
    with serving(0, None):
        address = capsys.readouterr().err.split()[1]
        port = int(address.rpartition(":")[2].partition("/")[0])
        silent = socket.create_connection((HOST, port))
        silent.sendall(b"GET /metr")
        get(address)  # others are answered meanwhile
        started = time.monotonic()
    assert time.monotonic() - started < 3
    silent.close()
    assert set(threading.enumerate()) == threads
    assert capsys.readouterr().err == ""


def test_figures_are_kept_when_a_round_ends_while_they_are_read(
    served, make_round, make_event, after
):
    observer, address = served
    done = threading.Event()

    def scrape_on():
        while not done.is_set():
            get(address)

    reader = threading.Thread(target=scrape_on)
    reader.start()
    for n in range(50):
        observer.round_ended(make_round(n, events=[make_event()]), {}, [], after(60 * n))
    done.set()
    reader.join()
    assert scrape(address)["newsevents_rows_total", "events"] == 50
