import gzip
import json
from pathlib import Path

import pytest

from benchmarks import soak

STORIES = Path(__file__).parents[1] / "quality" / "hard_pairs.jsonl"


@pytest.fixture
def stories():
    return [json.loads(line) for line in STORIES.read_text(encoding="utf-8").splitlines()]


def test_articles_appear_at_their_turn_newest_first_each_in_one_feed(stories):
    feeds = soak.Feeds(stories, rate=2.0, started=0.0)
    feeds.started = soak.time.time() - 40.2  # so that eighty of them appeared
    shown = [feeds.feed(number).decode() for number in range(soak.FEEDS)]
    assert len(feeds.offered) == 80
    assert sum(text.count("<item>") for text in shown) == 80
    links = [part.partition("</link>")[0] for part in shown[0].split("<link>")[2:]]
    assert links == [f"https://paper0.example/{place}" for place in (60, 30, 0)]


def test_what_is_lost_doubled_or_grows_is_told(tmp_path, stories):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "articles" / "date=2026-03-02"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"url": ["a", "b", "b"]}), folder / "part.parquet")
    counts = {"read": 4, "articles": 3, "events": 1, "repeats": 0, "rejected": 0,
              "rejected_again": 0}  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps({"counts": counts}))
    feeds = soak.Feeds(stories, 1.0, offered={"a", "b", "c"})
    samples = [soak.Sample(n, 100.0 + 30 * (n > 6), 1.0, n) for n in range(9)]
    wrong = " ".join(soak._judge(samples, 1, feeds, tmp_path)["wrong"])
    for words in ("ended with 1", "not in the tables: c", "more than once: b", "do not add up",
                  "memory grew from 100.0 to 130.0"):  # fmt: skip
        assert words in wrong
    assert "time of a round" not in wrong


@pytest.mark.slow
def test_a_short_soak_loses_and_doubles_nothing(tmp_path, stories):
    stream = tmp_path / "stream.jsonl.gz"
    with gzip.open(stream, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(story) + "\n" for story in stories)
    result = tmp_path / "result.json"
    soak.main(
        ["--stream", str(stream), "--output", str(tmp_path / "out"), "--minutes", "1.2",
         "--rate", "2", "--json", str(result)]
    )  # fmt: skip
    found = json.loads(result.read_text())
    assert found["articles"] == len(stories)
    assert [text for text in found["wrong"] if "grew" not in text] == []
