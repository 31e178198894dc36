"""An index that goes on from the tables decides as the one that wrote them."""

import json
import random
from datetime import timedelta

import numpy as np
import pytest

from pipelines.resume import OutputSeeds
from transforms.score.event import score_event
from transforms.score.told import told_of
from transforms.write.rounds import FolderStore, Rounds
from transforms.write.rows import MOVED

DAYS = 7


@pytest.fixture
def history(compared, make_article):
    """``history(seed)``: articles around four directions, some of them copies, in time order."""

    def make(seed):
        chooser, earlier, articles = random.Random(seed), [], []
        start = make_article().event_time
        for number in range(170):
            turn = np.deg2rad(chooser.choice([0, 40, 75, 110]) + chooser.gauss(0, 14))
            vector = [float(np.float32(v)) for v in (np.cos(turn), np.sin(turn))]
            near = {name: float(np.dot(vector, old)) for name, old in earlier[-40:]}
            near = dict(sorted(near.items(), key=lambda pair: -pair[1])[:8])
            copy_of = chooser.choice(earlier)[0] if earlier and chooser.random() < 0.1 else ""
            at = start + timedelta(hours=number + chooser.random() * 30)
            known = chooser.random() < 0.95
            articles.append(
                compared(f"n{number}", near, embedding=vector, copy_of=copy_of, event_time=at,
                         time_known=known, first_seen_at=at, published_at=at,
                         publisher_family=f"p{number % 3}.example")
            )  # fmt: skip
            if not copy_of:
                earlier.append((f"n{number}", vector))
        return articles

    return make


class Writer:
    """Writes what an index decides as a run in rounds does."""

    def __init__(self, output, index):
        self.output, self.index, self.told = output, index, {}
        self.rounds = Rounds(FolderStore(str(output), 2), 0, lambda: {"files": []})
        self.rounds.begin()

    def take(self, articles):
        for article in articles:
            self.rounds.add("articles", assignment := self.index.assign(article))
            self.rounds.add("event_articles", assignment)
            for move in self.index.moves():
                for moved in move.records():
                    self.rounds.add(MOVED, moved)
            self._tell(self.index.retired())
        self._tell(self.index.changed())
        self.rounds.commit()

    def _tell(self, states):
        for state in states:
            described = score_event(state, timedelta(days=DAYS), self.told.get(state.event_id))
            if described:
                self.told[state.event_id] = told_of(described[0])
                self.rounds.add("events", described[0])


@pytest.mark.parametrize("seed", range(8))
def test_an_index_that_goes_on_from_the_tables_decides_alike(
    new_index, by_mean, history, tmp_path, seed
):
    articles = history(seed)
    index = new_index(by_mean, days=DAYS)
    writer = Writer(tmp_path, index)
    for place in range(0, 120, 6):
        writer.take(articles[place : place + 6])
    seeds = OutputSeeds(str(tmp_path), float(DAYS), json.loads(_run(tmp_path))["rounds"])
    assert seeds.unusable() == []
    again = new_index(by_mean, days=DAYS)
    for decision in seeds.decisions():
        again.replay(decision)
    before = {state.event_id: state for state in index.states() if state.status == "active"}
    after = {state.event_id: state for state in again.states()}
    assert sum(len(state.mentions) for state in before.values()) > 60
    for name, state in before.items():
        assert {m.article_id for m in after[name].mentions} == {
            m.article_id for m in state.mentions
        }
        assert after[name].novelty == pytest.approx(state.novelty, abs=1e-4)
    for article in articles[120:]:
        expected, found = index.assign(article), again.assign(article)
        assert (found.event_id, found.role, found.sequence) == (
            expected.event_id, expected.role, expected.sequence,
        )  # fmt: skip
        assert found.score == pytest.approx(expected.score, abs=1e-3)
        assert (found.usual_rate, found.usual_rate_hours, found.novelty) == (
            expected.usual_rate, expected.usual_rate_hours, expected.novelty,
        )  # fmt: skip
        assert [(m.from_event, m.to_event, m.article_ids) for m in again.moves()] == [
            (m.from_event, m.to_event, m.article_ids) for m in index.moves()
        ]
    known = {state.event_id for state in before.values()}
    assert known <= {event.event_id for event in seeds.events()}


def _run(output):
    return (output / "run.json").read_text()
