"""``make bench``: turns, ratios, what is kept, what is drawn, and what it says when it cannot."""

import json
from pathlib import Path

import pytest
from defusedxml import ElementTree

from benchmarks import bench, whole
from benchmarks.bench import copies_report, headline, main, parse_options, peers_python
from benchmarks.chart import draw
from benchmarks.figures import speed_ratio, spread
from benchmarks.jobs import encoder_arguments
from benchmarks.machine import Ticks, cgroup_cpus, others_cores
from benchmarks.processes import Run, RunError, run
from benchmarks.sample import SampleError, in_days, read_rows, shipped_rows, write_pages
from benchmarks.whole import Timed, Way, encoders, in_turns, report, stages

KEYS = {"pipeline_vs_default_encode", "pipeline_vs_best_encode", "peak_memory_mb",
        "cluster_us_per_article"}  # fmt: skip


def _timed(seconds, start_up=0.0, told=None, peak=100.0):
    return Timed(
        seconds, start_up, seconds * 2, Run(seconds + start_up, 1.0, peak, 0.0), told or {}
    )


def _ways(*names):
    return [Way(name, name, Path("rows"), Path("warm")) for name in names]


@pytest.fixture
def timed():
    """Two repeats; the machine was half as fast in the second."""
    told = {"stage_seconds": {"embed": 3.0, "dedupe": 1.0}, "counts": {"read": 40}}
    return {
        "default": [_timed(10.0, 2.0), _timed(20.0, 4.0)],
        "best": [_timed(4.0, 2.0), _timed(8.0, 4.0)],
        "pipeline": [_timed(5.0, 3.0, told), _timed(10.0, 6.0, told)],
        "command": [_timed(8.0, peak=700.0), _timed(16.0, peak=900.0)],
    }


def test_a_ratio_is_taken_within_each_repeat():
    ratio = speed_ratio([5.0, 10.0, 2.0], [10.0, 30.0, 2.0])
    assert ratio["all"] == [2.0, 3.0, 1.0]
    assert (ratio["median"], ratio["least"], ratio["most"]) == (2.0, 1.0, 3.0)


def test_one_repeat_has_no_spread():
    assert spread([3.0])["quartiles"] == [3.0, 3.0]


@pytest.mark.parametrize("ours, theirs", [([1.0], [1.0, 2.0]), ([], [])])
def test_repeats_that_do_not_match_are_refused(ours, theirs):
    with pytest.raises(ValueError, match=r"repeats|nothing"):
        speed_ratio(ours, theirs)


def test_a_slow_moment_does_not_change_the_ratios(timed):
    found = report(timed, 40)
    assert found["ratios"]["pipeline_vs_default_encode"]["all"] == [2.0, 2.0]
    assert found["ratios"]["pipeline_vs_best_encode"]["all"] == [0.8, 0.8]
    assert found["docs_per_second"]["pipeline"]["all"] == [8.0, 4.0]


def test_with_start_up_the_plain_command_counts(timed):
    ratios = report(timed, 40)["ratios"]
    assert ratios["pipeline_vs_default_encode_with_start_up"]["all"] == [1.5, 1.5]
    assert ratios["pipeline_vs_best_encode_with_start_up"]["all"] == [0.75, 0.75]
    assert report(timed, 40)["start_up_seconds"]["command"]["all"] == [3.0, 6.0]


def test_stages_and_what_no_stage_accounts_for_make_up_the_whole(timed):
    found = stages(timed["pipeline"], 40)
    assert {name: row["seconds"] for name, row in found.items()} == {
        "dedupe": 1.0, "embed": 3.0, "other": 3.5,
    }  # fmt: skip
    assert sum(row["share"] for row in found.values()) == pytest.approx(1.0, abs=1e-3)
    assert found["embed"]["docs_per_second"] == pytest.approx(13.3)


def test_each_repeat_begins_with_another_way():
    seen = []
    in_turns(_ways("a", "b", "c"), 3, lambda way: seen.append(way.name) or _timed(1.0))
    assert "".join(seen) == "abcbcacab"


def test_a_variant_that_does_not_run_is_left_out_and_says_why():
    def once(way):
        if way.name == "best, onnx":
            raise RunError("no such library")
        return _timed(1.0)

    timed, left_out = in_turns(_ways("default", "best, onnx"), 2, once)
    assert list(timed) == ["default"]
    assert left_out == {"best, onnx": "no such library"}


def test_nothing_is_compared_with_what_failed():
    def once(way):
        raise RunError("broken")

    with pytest.raises(RunError):
        in_turns(_ways("default"), 1, once)


def test_a_command_that_fails_is_told_in_one_line():
    with pytest.raises(RunError, match="exit 3: what went wrong") as raised:
        run(["sh", "-c", "echo what went; echo wrong; exit 3"])
    assert "\n" not in str(raised.value)


def test_memory_and_time_of_a_command_are_measured():
    taken = run(
        [
            "python3",
            "-c",
            "import time; x = bytearray(80_000_000); sum(range(2_000_000)); time.sleep(1)",
        ]
    )
    assert 80 < taken.peak_mb < 400
    assert 0 < taken.cpu_seconds <= taken.seconds * 1.5


def test_what_others_used_is_what_we_did_not():
    assert others_cores(Ticks(100.0), Ticks(130.0), ours=10.0, wall=10.0) == 2.0
    assert others_cores(Ticks(100.0), Ticks(101.0), ours=2.0, wall=10.0) == 0.0
    assert others_cores(None, Ticks(1.0), ours=0.0, wall=1.0) == 0.0


@pytest.mark.parametrize("said, cpus", [("260000 100000\n", 2.6), ("max 100000\n", None)])
def test_the_quota_of_the_control_group_is_told(tmp_path, said, cpus):
    (tmp_path / "cpu.max").write_text(said)
    assert cgroup_cpus(tmp_path) == cpus
    assert cgroup_cpus(tmp_path / "none") is None


def test_the_headline_has_the_promised_keys_whatever_was_run(timed):
    assert headline({}).keys() >= KEYS
    ms = {"mean": 2.0, "median": 1.5, "p90": 4.0}
    row = {"size": 5000, "cluster_ms": ms, "dedupe_ms": ms, "bytes": 7e6}
    found = headline({"whole": report(timed, 40), "window": {"sizes": [row]}})
    assert found["pipeline_vs_default_encode"] == 2.0
    assert found["pipeline_vs_best_encode"] == 0.8
    assert found["peak_memory_mb"] == 900.0
    assert found["cluster_us_per_article"] == {"5000": 1500.0}
    assert found["window_memory_mb"] == {"5000": 7.0}


def _copies(speed):
    return {
        "documents": 10,
        "kinds": {},
        "methods": [
            {"method": "newsevents", "docs_per_second": speed, "precision": 1.0, "recall": 0.9},
            {"method": "semhash .90", "docs_per_second": 50.0, "precision": 0.9, "recall": 0.5},
            {"method": "semhash .95", "docs_per_second": 40.0, "precision": 0.9, "recall": 0.5},
        ],
    }


def test_copies_are_compared_with_the_faster_semhash():
    found = copies_report([_copies(100.0), _copies(300.0), _copies(200.0)])
    assert found["vs_semhash"]["all"] == [2.0, 6.0, 4.0]
    assert found["methods"][0]["docs_per_second"]["median"] == 200.0
    assert found["methods"][0]["precision"] == 1.0


def test_without_peers_we_are_compared_with_nobody():
    alone = _copies(100.0)
    del alone["methods"][1:]
    assert "vs_semhash" not in copies_report([alone])


def test_peers_that_cannot_be_installed_are_left_out_with_the_reason(monkeypatch):
    def fail(pins, whole):
        raise RuntimeError("pip install …: exit code 1\nno route to host")

    monkeypatch.setattr("tests.environments.environment", fail)
    python, why = peers_python()
    assert python is None
    assert why.endswith("no route to host")


def test_the_plot_is_a_picture_whatever_the_names_are(timed):
    part = report(timed, 40) | {"articles": 40, "repeats": 2}
    machine = {"cpu": "A <b> & C", "usable_cores": 2, "python": "3", "commit": "abc"}
    root = ElementTree.fromstring(draw({"parts": {"whole": part | {"machine": machine}}}))
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert any("A <b> & C" in text for text in words)
    assert "2.00 x" in words
    ElementTree.fromstring(draw({"parts": {}}))


@pytest.mark.parametrize(
    "content, says",
    [
        (None, "no such file"),
        ("{}\n", "no stream of articles: line 1"),
        ('{"title": "A", "text": "B"}\nnot json\n', "no stream of articles: line 2"),
        ('{"title": "A", "text": " "}\n', "no article"),
        ("\x1f\x8b broken", "no stream of articles"),
    ],
)
def test_a_bad_stream_is_one_clear_line(tmp_path, capsys, content, says):
    stream = tmp_path / "stream.jsonl.gz" if content == "\x1f\x8b broken" else tmp_path / "s.jsonl"
    if content is not None:
        stream.write_text(content, "utf-8")
    out = tmp_path / "latest.json"
    assert main(["--stream", str(stream), "--json", str(out)]) == 2
    said = capsys.readouterr().err
    assert says in said and stream.name in said
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("given", [["--parts", "all"], ["--repeats", "0"], ["--articles", "x"]])
def test_bad_values_are_a_usage_error(given):
    with pytest.raises(SystemExit) as ended:
        parse_options(given)
    assert ended.value.code == 2


def test_a_quick_run_leaves_the_figures_that_are_shown_alone():
    assert parse_options(["--quick"]).json == bench.QUICK
    assert parse_options([]).json == bench.RESULTS / "latest.json"
    assert parse_options(["--quick", "--json", "mine.json"]).json == Path("mine.json")


def test_parts_that_are_not_run_keep_their_figures(tmp_path, monkeypatch):
    out = tmp_path / "results" / "latest.json"
    monkeypatch.setattr(bench, "measure_windows", lambda arguments: {"sizes": []})
    monkeypatch.setattr(bench, "measure_copies", lambda *_: copies_report([_copies(100.0)]))
    assert main(["--quick", "--parts", "window", "--json", str(out)]) == 0
    assert main(["--quick", "--parts", "copies", "--json", str(out)]) == 0
    written = json.loads(out.read_text("utf-8"))
    assert set(written["parts"]) == {"window", "copies"}
    assert written.keys() >= KEYS
    assert written["parts"]["window"]["machine"]["cores"]
    assert out.with_suffix(".svg").read_text("utf-8").startswith("<svg")


def test_a_stream_is_read_as_far_as_asked_for(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps({"title": f"T{n}", "text": "x"}) + "\n" for n in range(5)))
    assert [row["title"] for row in read_rows(path, 3)] == ["T0", "T1", "T2"]
    with pytest.raises(SampleError):
        read_rows(tmp_path, 3)


def test_shipped_articles_are_long_enough_to_be_copied_and_differ():
    rows = shipped_rows(200)
    assert len({row["text"] for row in rows}) == 200
    assert min(len(row["text"].split()) for row in rows) >= 120
    assert shipped_rows(200) == rows


def test_articles_moved_together_lie_within_the_days():
    dates = [row["published"] for row in in_days(shipped_rows(10), 7.0)]
    assert dates == sorted(dates)
    assert dates[-1] < "2026-01-08"


def test_pages_hold_their_article_and_no_markup_of_it(tmp_path):
    row = {"title": "A <b>", "text": "First.\nSecond & last.", "published": "2026-01-01"}
    folder = write_pages([row], tmp_path / "pages")
    (page,) = folder.iterdir()
    assert "<p>First.</p><p>Second &amp; last.</p>" in page.read_text("utf-8")
    assert "A <b>" not in page.read_text("utf-8").partition("<body>")[2]


def test_the_loop_is_set_up_as_the_pipeline_as_far_as_both_know():
    class Settings:
        max_tokens = 128
        encoder = "onnx"
        encoder_precision = "int8"

    known = dict.fromkeys(["name", "max_tokens", "backend", "precision"])
    assert encoder_arguments(Settings(), known) == {
        "max_tokens": 128, "backend": "onnx", "precision": "int8",
    }  # fmt: skip
    assert encoder_arguments(Settings(), {"max_tokens": None}) == {"max_tokens": 128}


def test_encoders_are_those_that_the_command_offers():
    for name, given in encoders():
        assert given[0] == "--encoder" and name.startswith(given[1])


@pytest.mark.slow
def test_a_quick_run_goes_through_and_leaves_all_figures(tmp_path, capsys):
    out = tmp_path / "latest.json"
    assert main(["--quick", "--json", str(out)]) == 0
    written = json.loads(out.read_text("utf-8"))
    assert all(written[key] for key in KEYS)
    assert set(written["parts"]) == set(bench.PARTS)
    assert "embed" in written["parts"]["whole"]["stages"][whole.PIPELINE]
    said = capsys.readouterr().out
    assert all(key in said for key in KEYS)
