"""The benchmark of the pages at a small size: it runs, and its output is one."""

import json

from benchmarks import queries
from benchmarks.queries_output import add_round, make_output
from pipelines.report import load_view


def test_every_page_is_timed_beside_a_scan(tmp_path, capsys):
    out = tmp_path / "figures.json"
    assert queries.main(["--articles", "600", "--asked", "2", "--rounds", "2", "--json",
                         str(out)]) == 0  # fmt: skip
    figures = json.loads(out.read_text())
    assert [one["page"] for one in figures["pages"]] == [page.name for page in queries.PAGES]
    assert all(one["p95_ms"] >= one["p50_ms"] > 0 for one in figures["pages"])
    assert all(one["scan_p50_ms"] > 0 for one in figures["pages"])
    assert len(figures["round_seconds"]) == 2
    assert "one more round" in capsys.readouterr().out


def test_the_made_output_is_one_that_the_report_reads(tmp_path):
    made = make_output(tmp_path, 300)
    add_round(made, 20)
    view = load_view(str(tmp_path))
    assert view.article_count == 320
    assert view.event_count == 110
    assert view.orphan_count == 0
