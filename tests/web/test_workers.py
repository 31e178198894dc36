import threading

from transforms._shared.web.workers import Workers


def test_results_come_as_they_are_ready():
    workers, hold = Workers(2), threading.Event()
    workers.start(lambda: hold.wait(10) and "slow")
    workers.start(lambda: "quick")
    assert workers.full
    assert workers.result(10) == "quick"
    assert (workers.full, workers.busy, workers.result(0.0)) == (False, 1, None)
    hold.set()
    assert (workers.result(10), workers.busy) == ("slow", 0)


def test_no_more_threads_than_allowed_and_none_that_hold_up_the_end():
    before = threading.active_count()
    workers = Workers(3)
    for number in range(20):
        workers.start(lambda number=number: number)
    assert sorted(workers.result(10) for _ in range(20)) == list(range(20))
    assert threading.active_count() - before <= 3
    assert all(t.daemon for t in threading.enumerate() if t.name == "fetch")
