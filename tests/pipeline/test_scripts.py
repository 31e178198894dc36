"""Events in languages whose scripts have no capitals, or no spaces, or of which little is known."""

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data" / "two_events.json"  # ours; two reports of each event
STORIES = json.loads(DATA.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", STORIES)
def test_two_events_told_twice_are_two_events(detect, make_file, tmp_path, language):
    told = [(what, number) for what, reports in STORIES[language].items() for number in (0, 1)]
    lines = [
        {
            "title": STORIES[language][what][number][0],
            "text": STORIES[language][what][number][1],
            "url": f"https://site{number}.example/{what}",
            "published": f"2026-03-03T{8 + number:02}:00:00Z",
            "lang": language,
        }
        for what, number in told
    ]
    file = make_file("stories.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    output = detect(tmp_path / "out", "--input", file)
    events = {}
    for article in output.rows("articles"):
        events.setdefault(article["event_id"], set()).add(article["url"])
    assert sorted(events.values(), key=sorted) == [
        {f"https://site{number}.example/{what}" for number in (0, 1)} for what in STORIES[language]
    ]
