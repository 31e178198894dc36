"""From figures to workers and limits: what moves them, and that the document shows them."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.scale import (
    Assumptions,
    FiguresError,
    Line,
    delays,
    full_at,
    in_window,
    line_through,
    loads,
    loads_with_partitions,
    main,
    read_figures,
    tables,
    written,
)

ROOT = Path(__file__).parents[2]


def _us(**changes):
    names = ("search", "settle", "assign", "describe", "pack_compared", "pack_decision",
             "rebuild_compared", "rebuild_decision")  # fmt: skip
    return {name: {"mean": changes.get(name, 1000.0)} for name in names}


@pytest.fixture
def figures(tmp_path):
    """Made-up figures: comparing takes 2 ms and 1 µs for each article in the window."""
    machine = {"cpu": "A chip", "usable_cores": 2}
    median = {"median": 0.05}
    parts = {
        "whole": {"machine": machine, "others_cores": {"median": 0.1}, "cpu_seconds_per_article": {
            "default": {"median": 1.0}, "pipeline": median, "pipeline, html pages": median}},
        "window": {"sizes": [
            {"size": n, "dedupe_ms": {"mean": 2 + n / 1000}, "bytes_per_article": 20_000}
            for n in (5000, 20_000)]},
        "single_key": {"sizes": [{
            "size": 5000, "us": _us(), "each_us": {"settle": [1000], "cluster": [3000, 5000]},
            "bytes": {"compared": 5000, "decision": 5000, "to_the_key": 20_000},
            "held_bytes_per_article": {"search": 5000, "settle": 8000}}]},
    }  # fmt: skip
    path = tmp_path / "latest.json"
    path.write_text(json.dumps({"parts": parts}), "utf-8")
    return path


def test_a_cost_that_grows_evenly_is_found():
    line = line_through([(1000, 3.0), (2000, 5.0), (3000, 7.0)])
    assert (line.at(0), line.at(10_000)) == pytest.approx((1.0, 21.0))


@pytest.mark.parametrize("points", [[(1000, 3.0)], [(1000, 4.0), (2000, 2.0)]])
def test_a_cost_never_falls_as_the_window_fills(points):
    assert line_through(points) == Line(3.0, 0.0)


def test_a_load_is_full_where_it_reaches_one():
    assert full_at(lambda rate: rate / 25) == pytest.approx(25.0)
    assert full_at(lambda rate: 0.0) == math.inf


def test_loads_follow_from_the_figures_by_hand(figures):
    found, given = read_figures(figures), Assumptions()
    assert in_window(given, 1.0) == 604_800
    full = loads(found, given, 1.0)
    assert full["key that compares"] == pytest.approx((0.002 + 0.6048 + 0.001) / 0.6)
    assert full["key that clusters"] == pytest.approx(0.003 / 0.6)
    assert full["memory of one worker"] == pytest.approx(604_800 * 20e3 / 12e9)
    assert full["taking up a moved key"] == pytest.approx(604_800 * 0.002 / 600)


def test_with_partitions_the_search_burdens_no_key(figures):
    found, given = read_figures(figures), Assumptions()
    full = loads_with_partitions(found, given, 20.0)
    assert full["key that settles"] == pytest.approx(20 * 0.001 / 0.6)
    assert full["memory of one worker, without the search"] == pytest.approx(
        20 * 604_800 * 15e3 / 12e9
    )


def test_partitions_share_what_grows_and_are_all_asked(figures):
    found, given = read_figures(figures), Assumptions(window_days=1)
    grows = 20 * 1e-6 * 20 * 86_400
    parts = math.ceil(grows / (0.6 - 20 * 0.001))
    row = f"| 20 | {parts} | {grows + 20 * 0.001 * parts:.1f} | "
    assert row in scale.partitions_table(found, given)
    assert "| 700 | none is enough | – | " in scale.partitions_table(found, given, [700.0])


def test_a_key_that_is_half_busy_keeps_some_waiting():
    slow, idle = delays([0.025], 20.0), delays([0.025], 0.1)
    assert min(slow) == pytest.approx(0.025)
    assert 1.3 * 0.025 < sum(slow) / len(slow) < 1.7 * 0.025  # theory says 1.5 times
    assert sum(idle) / len(idle) == pytest.approx(0.025, rel=0.01)
    assert delays([0.025], 20.0) == slow


def test_a_key_that_is_too_busy_is_told(figures):
    found = read_figures(figures)
    assert "grows without end" not in scale.delays_table(found, [200.0]).partition("cluster")[0]
    assert "| 400 | cluster | 160% | grows without end" in scale.delays_table(found, [400.0])


def test_figures_of_a_busy_machine_say_so(figures):
    assert "do not rely" not in read_figures(figures).machine
    result = json.loads(figures.read_text("utf-8"))
    result["parts"]["whole"]["others_cores"]["median"] = 3.0
    result["parts"]["window"]["note"] = "of two runs"
    figures.write_text(json.dumps(result), "utf-8")
    said = read_figures(figures).machine
    assert "others used 3.0 meanwhile: do not rely" in said and said.endswith("; of two runs")


def test_a_shorter_window_moves_the_limit(figures):
    found = read_figures(figures)
    week, day = Assumptions(), Assumptions(window_days=1)
    for name in loads(found, week, 1.0):
        limits = [full_at(lambda r, n=name, g=g: loads(found, g, r)[n]) for g in (week, day)]
        assert limits[1] >= limits[0]


def test_no_assumption_is_there_for_nothing(figures):
    found, given = read_figures(figures), Assumptions()
    for one in dataclasses.fields(given):
        doubled = dataclasses.replace(given, **{one.name: 2 * getattr(given, one.name)})
        bare = [
            tables(found, numbers).partition("### Assumptions")[0] for numbers in (given, doubled)
        ]
        assert bare[0] != bare[1], one.name


def test_every_rate_has_its_row_in_every_table(figures):
    made = tables(read_figures(figures), Assumptions())
    for rate in (1, 20, 200):
        assert made.count(f"\n| {rate} | ") == 6  # two inputs, the state, two keys, the partitions
    assert "* beyond" in made.replace("\\", "")


def test_tables_take_the_place_of_the_old_ones(figures, tmp_path):
    document = tmp_path / "scale.md"
    document.write_text(f"before\n{scale.BEGIN}old\n{scale.END}after\n", "utf-8")
    for _ in range(2):
        assert main(["--figures", str(figures), "--write", str(document)]) == 0
    text = document.read_text("utf-8")
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "\nold\n" not in text and text.count("### Workers") == 1


@pytest.mark.parametrize("content", [None, "not json", "{}", '{"parts": {"whole": {}}}'])
def test_figures_that_are_not_there_are_one_clear_line(tmp_path, capsys, content):
    path = tmp_path / "latest.json"
    if content is not None:
        path.write_text(content, "utf-8")
    assert main(["--figures", str(path)]) == 2
    said = capsys.readouterr().err
    assert "run make bench" in said and said.count("\n") == 1


def test_a_document_without_a_place_is_left_alone():
    with pytest.raises(FiguresError):
        written("nothing here", "tables")


def test_the_document_shows_what_the_program_computes():
    figures = ROOT / "benchmarks" / "results" / "latest.json"
    text = (ROOT / "docs" / "scale.md").read_text("utf-8")
    made = tables(read_figures(figures), Assumptions())
    assert written(text, made) == text, "run make scale"


def test_figures_of_a_quick_run_are_refused(figures):
    found = json.loads(figures.read_text("utf-8"))
    found["parts"]["window"]["quick"] = True
    figures.write_text(json.dumps(found), "utf-8")
    with pytest.raises(FiguresError, match="is of a quick run"):
        read_figures(figures)
