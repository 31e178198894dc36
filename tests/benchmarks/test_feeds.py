import json

from benchmarks.feeds import CHANGING, ITEMS, main


def test_every_feed_is_asked_though_some_hang(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.feeds.TIMEOUT_SECONDS", 3.0)
    out = tmp_path / "out.json"
    assert main(["--feeds", "60", "--hanging", "2", "--rounds", "2", "--json", str(out)]) == 0
    first, second = json.loads(out.read_text())["rounds"]
    assert first["items_new"] == 58 * ITEMS
    assert second["not_modified"] == 53  # of 58, every tenth changes
    assert second["items_new"] >= 58 * CHANGING - 1
    capsys.readouterr()
