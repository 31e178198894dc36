"""Turn compared articles into events, one at a time: join, open, merge, or move on."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from schemas import (
    Article,
    Assignment,
    ComparedArticle,
    Decision,
    EventState,
    Mention,
    Move,
    Neighbour,
    Notice,
)
from schemas.event import GRANULARITIES, MERGED
from schemas.ids import event_id
from schemas.notice import RETRACTED
from transforms._shared.shards import WINDOW, WindowClock
from transforms._shared.vectors import cosines
from transforms.cluster.candidates import Candidates, measure_candidates
from transforms.cluster.description import describe
from transforms.cluster.join_model import Features, JoinModel, least_probability
from transforms.cluster.judgement import Judgement, judge, reading, shares_nothing
from transforms.cluster.likeness import Member, known_time, measure_article, name_others
from transforms.cluster.mention import Apart, mention_of
from transforms.cluster.open_event import OpenEvent
from transforms.cluster.silences import Silences
from transforms.cluster.terms import DocumentFrequencies
from transforms.cluster.usual_rates import NEW, Rate, UsualRates

_SURE = 0.5  # probability from which an article that joined one event belongs to another as well
_LEAST_VOTES = 2  # articles that must belong to two events before they are one,
_VOTING_SHARE = 0.5  # and at least this share of the smaller
_ASKED_AGAIN = 3  # nearest articles that may leave their event when a new one comes,
_ASKED_LATEST = 8  # after a look at so many of those they would leave behind
_COMPARED = 12  # latest members that an article's nearness to its event is taken from
_MOSTLY = 0.8  # of an article's word sequences in another one: it adds next to nothing
_ALIKE = 0.65  # cosine from which titles need not name the same
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class EventIndex:
    """The open events of one partition.

    ``assign`` never searches: it judges the events of the neighbours that ``dedupe`` found,
    against each event's decayed centroid, its closest members, its founder and its latest, so
    that a chain of look-alike stories does not grow into one event. Copies follow their original
    and add no weight. When articles of one event keep belonging to another as well, the two are
    merged and the older lives on; when a new article is nearer to one than its own event is, that
    one is asked about again, and may leave. ``moves`` tells who moved.

    State per original article: term weights and first sentences, about 4.5 KB; dropped when its
    event has been quiet for the window by the event clock. Undated events stay until a dated
    member joins.
    """

    def __init__(
        self,
        model: JoinModel,
        frequencies: DocumentFrequencies,
        embedding_model: str,
        window: timedelta = WINDOW,
        granularity: str = GRANULARITIES[0],
        cross_model: JoinModel | None = None,
        unread_model: JoinModel | None = None,
        watch: Callable[[Candidates], None] | None = None,
    ) -> None:
        self._model = model
        self._watch = watch  # is shown what the model is asked about
        self._granularity = granularity
        self._cross_model = cross_model
        self._unread_model = unread_model  # for texts the embedding model cannot read
        self._frequencies = frequencies
        self._embedding_model = embedding_model
        self._clock = WindowClock(window)
        self._rates = UsualRates(window)
        self._silences = Silences()
        self._repeated = False  # what was decided before, and nothing else since
        # Of the article that is decided on:
        self._usual = NEW  # for its publisher
        self._apart: Apart | None = None  # None before it is measured
        self._events: dict[str, OpenEvent] = {}
        self._event_of: dict[str, str] = {}  # article → event, copies included
        self._members: dict[str, Member] = {}
        self._copies: dict[str, list[str]] = {}  # of each original that has some
        self._nearest: dict[str, float] = {}  # cosine of each original to its event as it joined
        self._votes: dict[tuple[str, str], int] = {}  # younger and older event → articles
        self._opened = 0
        self._decided = 0
        self._touched: dict[str, None] = {}  # events that changed since they were last described
        self._notices: dict[str, dict[str, Notice]] = {}  # of articles, by kind
        self._unsaid: set[Notice] = set()  # those no state told of
        self._last_sweep: float | None = None
        self._moves: list[Move] = []
        self._merged: list[EventState] = []

    def assign(self, compared: ComparedArticle) -> Assignment:
        """Put one article into an event: its original's, the best candidate's or a new one."""
        if self._repeated:
            self._note_silences(self._events)
            self._repeated = False
        self._decided += 1
        self._usual = self._observe(compared.embedded.article)
        self._apart = None
        return replace(
            self._assign(compared),
            sequence=self._decided,
            usual_rate=self._usual.per_hour,
            usual_rate_hours=self._usual.hours,
            novelty=self._apart.novelty if self._apart else 1.0,
            own_text=self._apart.own_text if self._apart else True,
        )

    def _observe(self, article: Article) -> Rate:
        """Say how often the publisher of a new article usually publishes, and count it."""
        self._clock.advance(known_time(article))
        if self._clock.now is None or self._open_event_of(article.article_id):
            return NEW  # or it is a new text of what was published before
        return self._rates.observe(article, self._clock.now)

    def _assign(self, compared: ComparedArticle) -> Assignment:
        settled = self._settle(compared)
        if settled is not None:
            return settled
        member = measure_article(compared.embedded, self._frequencies)
        novelty = 1.0 - max((n.cosine for n in compared.neighbours), default=0.0)
        judgements = list(self._judgements(member, compared))
        if not judgements:
            name = self._open(compared, member, novelty, False)
            return Assignment(compared, name, "seed", 1.0, "no earlier event is near", False)
        found = max(judgements, key=lambda found: (found.joins, found.probability))
        if not found.joins:
            name = self._open(compared, member, novelty, found.contested)
            return found.assignment(compared, name, "seed", 1.0)
        self._join(member, found.best, found.contested, compared)
        votes = self._belongs_to_both(found, member)
        name = (votes and self._vote(found, member)) or found.best
        self._reconsider(member, name, compared.neighbours)
        joined = found.assignment(compared, found.best, "member", found.probability)
        return replace(joined, votes=votes)

    def place(self, compared: ComparedArticle, event: str | None) -> Assignment:
        """Put an article where a label says: into ``event`` while it is open, else a new one.

        Training replays a labelled stream this way. Copies and revisions follow their article
        as always.
        """
        self._apart = None
        settled = self._settle(compared)
        if settled is not None:
            return settled
        member = measure_article(compared.embedded, self._frequencies)
        near = self._open_neighbours(compared.neighbours)
        candidates = self._candidates(member, near, compared.further)
        if self._watch is not None and candidates.events:
            self._watch(candidates)
        if event is None or event not in self._events:
            name = self._open(compared, member, 1.0, False)
            return Assignment(compared, name, "seed", 1.0, "labelled", False)
        self._join(member, event, False, compared)
        return Assignment(compared, event, "member", 1.0, "labelled", False)

    def replay(self, decision: Decision) -> None:
        """Do again what was decided before, without judging; in the order of ``sequence``.

        An event that is not open, because its rows were lost, is opened under its old id.
        """
        assignment = decision.assignment
        compared, event = assignment.compared, assignment.event_id
        at = known_time(compared.embedded.article)
        self._clock.advance(at)
        self._decided = max(self._decided, assignment.sequence)
        self._usual = Rate(assignment.usual_rate, assignment.usual_rate_hours)
        self._apart = Apart(assignment.novelty, assignment.own_text)
        if assignment.role != "update":
            self._rates.learn(compared.embedded.article)
        if assignment.role in ("update", "duplicate") and event in self._events:
            self._follow(compared, event, at, assignment.role, assignment.score, "")
        else:
            member = measure_article(compared.embedded, self._frequencies)
            if event in self._events:
                self._join(member, event, assignment.contested, compared)
            else:
                novelty, contested = decision.novelty, assignment.contested
                self._open(compared, member, novelty, contested, event)
        if assignment.votes:
            self._count_vote(event, assignment.second_event_id)
        for notice in compared.embedded.article.notices:
            self.notice(notice)
        for move in decision.moves:
            self._repeat(move)
        self._close(set(decision.closed))
        self._moves, self._merged, self._touched, self._unsaid = [], [], {}, set()
        self._repeated = True

    def notice(self, notice: Notice) -> bool:
        """Take note that an article was corrected or taken back; says whether that is new.

        Of an article whose event was retired nothing is remembered.
        """
        event = self._event_of.get(notice.article_id)
        if event is None:
            return True
        known = self._notices.setdefault(notice.article_id, {})
        if notice.kind in known:
            return False
        if all(other.counts_as != notice.counts_as for other in known.values()):
            self._unsaid.add(notice)
        known[notice.kind] = notice
        if self._is_open(event):  # else its last state is yet to come
            self._touched[event] = None
        return True

    def repeat_notice(self, notice: Notice) -> None:
        """Take note again of what was noted, and told, before."""
        self.notice(notice)
        self._unsaid, self._touched = set(), {}

    def go_on_from(self, sequence: int) -> None:
        """Count decisions from ``sequence`` on, when more were made than are repeated."""
        self._decided = max(self._decided, sequence)

    def novelty(self, event: str) -> float:
        """Give how new an open event was when it was opened, [0, 1]; 1 when it is not open."""
        return self._events[event].novelty if event in self._events else 1.0

    def holds(self, article_id: str) -> bool:
        """Say whether an article is in an event that was not retired."""
        return article_id in self._event_of

    def _repeat(self, move: Move) -> None:
        home, other = self._events.get(move.from_event), self._events.get(move.to_event)
        if home is None or other is None:
            return  # its rows were lost
        if move.merged:
            self._merge(other, home, move.reason, move.score)
            return
        for name in sorted(move.article_ids & self._members.keys()):
            self._shift(self._members[name], home, other, move.article_ids)

    def moves(self) -> list[Move]:
        """Give the articles that changed their event since the last call, in order."""
        moved, self._moves = self._moves, []
        return moved

    def _settle(self, compared: ComparedArticle) -> Assignment | None:
        """Let a new revision follow its article, and a copy its original."""
        article = compared.embedded.article
        at = known_time(article)
        self._clock.advance(at)
        if known := self._open_event_of(article.article_id):
            return self._follow(compared, known, at, "update", 1.0, "a new revision of a member")
        if original := self._open_event_of(compared.verdict.of):
            evidence = f"{compared.verdict.kind} of {compared.verdict.of}"
            score = compared.verdict.score
            return self._follow(compared, original, at, "duplicate", score, evidence)
        return None

    def _open_event_of(self, article_id: str) -> str | None:
        """Find the event of an article, unless it was quiet for too long."""
        event = self._event_of.get(article_id)
        return event if event is not None and self._is_open(event) else None

    def _judgements(self, member: Member, compared: ComparedArticle) -> Iterator[Judgement]:
        """Judge the events in the article's language, then, if asked for, those in others."""
        near = self._open_neighbours(compared.neighbours)
        candidates = self._candidates(member, near, compared.further)
        if candidates.events:
            found = self._judge(candidates, member, self._model_for(member))
            event = self._events[found.best]
            guard = self._guard(member, event, found.candidates.of(found.best))
            yield replace(found, guard=guard)
        if self._cross_model is not None:
            met = set(candidates.events)
            others = [n for n in near if self._event_of[n.article_id] not in met]
            candidates = self._candidates(member, others, "", any_language=True)
            if candidates.events:
                yield self._judge(candidates, member, self._cross_model)

    def _model_for(self, member: Member) -> JoinModel:
        return self._model if member.latin or not self._unread_model else self._unread_model

    def _open_neighbours(self, neighbours: tuple[Neighbour, ...]) -> list[Neighbour]:
        """Keep the originals whose event is still open."""
        return [
            n
            for n in neighbours
            if n.article_id in self._members and self._is_open(self._event_of[n.article_id])
        ]

    def _is_open(self, event: str) -> bool:
        return not self._clock.outside(self._events[event].newest)

    def _candidates(
        self, member: Member, neighbours: list[Neighbour], further: str, any_language: bool = False
    ) -> Candidates:
        """Collect the events of the neighbours, then others further off, and measure each."""
        grouped: dict[str, list[Member]] = {}
        for n in neighbours:
            old = self._members[n.article_id]
            if any_language or _may_meet(member, old):
                grouped.setdefault(self._event_of[n.article_id], []).append(old)
        for name in further.split():
            event = self._event_of.get(name)
            if event is None or event in grouped or name not in self._members:
                continue
            if self._is_open(event) and (any_language or _may_meet(member, self._members[name])):
                grouped[event] = [self._members[name]]
        events = [(self._events[name], nearest) for name, nearest in grouped.items()]
        return measure_candidates(member, events, {n.article_id: n.containment for n in neighbours})

    def _judge(self, candidates: Candidates, member: Member, model: JoinModel) -> Judgement:
        if self._watch is not None:
            self._watch(candidates)
        return judge(candidates, member, model, least_probability(model, self._granularity))

    def _guard(self, member: Member, event: OpenEvent, measured: Features) -> str:
        """Name what forbids a join whatever its probability; "" when nothing does.

        Two texts that both name people and places, but none in common and no number either, tell
        of two things, however alike their wording. So do two whose titles name what the other
        nowhere mentions, unless their vectors are very near.
        """
        if member.named and any(old.named for old in event.members) and shares_nothing(measured):
            return "no name and no number in common"
        unlike = member.latin and reading(measured, "dense_best") < _ALIKE
        if unlike and name_others(member, event.members[-_COMPARED:]):
            return "the titles name what the other does not mention"
        return ""

    def _belongs_to_both(self, found: Judgement, member: Member) -> bool:
        """Say whether an article that joined the best event belongs to the second as well."""
        if found.second_probability < max(_SURE, found.threshold):
            return False
        measured = found.candidates.of(found.second)
        return not self._guard(member, self._events[found.second], measured)

    def _count_vote(self, best: str, second: str) -> int:
        """Count an article that belongs to two events; give the votes for their merge so far."""
        if best not in self._events or second not in self._events:
            return 0  # their rows were lost
        key = self._younger_and_older(best, second)
        self._votes[key] = self._votes.get(key, 0) + 1
        return self._votes[key]

    def _younger_and_older(self, one: str, other: str) -> tuple[str, str]:
        older, younger = sorted((one, other), key=lambda name: self._events[name].opened)
        return younger, older

    def _vote(self, found: Judgement, member: Member) -> str | None:
        """Count an article that belongs to two events; merge them when enough do.

        Returns:
            The surviving event when there was a merge.
        """
        votes = self._count_vote(found.best, found.second)
        names = self._younger_and_older(found.best, found.second)
        younger, older = (self._events[name] for name in names)
        smaller = min(len(older.members), len(younger.members))
        if votes < max(_LEAST_VOTES, _VOTING_SHARE * smaller):
            return None
        reason = (
            f"{MERGED}{votes} articles belonged to both, the last {member.article_id} "
            f"with a probability of {found.probability:.2f} and {found.second_probability:.2f}"
        )
        self._merge(older, younger, reason, found.second_probability)
        return older.event_id

    def _reconsider(self, new: Member, event: str, neighbours: tuple[Neighbour, ...]) -> None:
        """Ask again about articles that are nearer to the new one than to their own event.

        An article leaves its event when it surely belongs to the new one's and no longer, without
        itself, to its own. The one that opened an event stays: the event is named after it.
        """
        for n in neighbours[:_ASKED_AGAIN]:
            nearest = self._nearest.get(n.article_id)
            if nearest is None or n.cosine <= nearest:
                continue
            home, old = self._event_of[n.article_id], self._members[n.article_id]
            if home != event and self._is_open(home) and _may_meet(new, old):
                self._turn(old, self._events[home], self._events[event], new)

    def _turn(self, old: Member, home: OpenEvent, other: OpenEvent, new: Member) -> None:
        """Let an article leave its event for another if it belongs there and here no longer."""
        model = self._model_for(old)
        threshold = least_probability(model, self._granularity)
        measured = measure_candidates(old, [(other, [new])], {}).features
        there = model.decision(measured, old.vector).probability
        if there < max(_SURE, threshold) or self._guard(old, other, measured[0]):
            return
        ids = {old.article_id, *self._copies.get(old.article_id, ())} & home.article_ids
        rest = home.without(old, ids)
        here = _probability(model, old, rest, rest.members[: -_ASKED_LATEST - 1 : -1])
        if here >= threshold:
            return
        self._shift(old, home, other, ids)
        reason = (
            f"{new.article_id} is nearer; probability {there:.2f} there, {here:.2f} here "
            f"(needs {threshold:.2f})"
        )
        self._moved(ids, home, other.event_id, reason, there)

    def _shift(self, old: Member, home: OpenEvent, other: OpenEvent, ids: Set[str]) -> None:
        """Take an original and its copies from one event to another."""
        self._events[home.event_id] = home.without(old, ids)
        self._join(old, other.event_id, False)
        other.article_ids |= ids
        other.mentions += [told for told in home.mentions if told.article_id in ids]
        self._event_of.update(dict.fromkeys(ids, other.event_id))
        del self._nearest[old.article_id]  # it moves only once
        self._touched[home.event_id] = None

    def _moved(
        self,
        article_ids: Set[str],
        left: OpenEvent,
        to_event: str,
        reason: str,
        score: float,
        merged: bool = False,
    ) -> None:
        at = _EPOCH + timedelta(seconds=self._now(left))
        told = tuple(told for told in left.mentions if told.article_id in article_ids)
        moved, sequence = frozenset(article_ids), self._decided
        self._moves.append(
            Move(moved, left.event_id, to_event, at, reason, score, merged, sequence, told)
        )

    def _merge(self, older: OpenEvent, younger: OpenEvent, reason: str, score: float) -> None:
        """Let the older of two events take over the younger."""
        self._merged.append(self._state(younger, merged_into=older.event_id))
        self._moved(younger.article_ids, younger, older.event_id, reason, score, merged=True)
        older.take_over(younger)
        del self._events[younger.event_id]
        self._touched.pop(younger.event_id, None)
        self._touched[older.event_id] = None
        for article in younger.article_ids:
            self._event_of[article] = older.event_id
        self._votes = {
            key: votes for key, votes in self._votes.items() if younger.event_id not in key
        }

    def _join(
        self, member: Member, event: str, contested: bool, compared: ComparedArticle | None = None
    ) -> None:
        """Add an article to an open event; one that moves there was told of before."""
        state = self._events[event]
        if state.members:
            latest = [old.vector for old in state.members[-_COMPARED:]]
            self._nearest[member.article_id] = max(cosines(member.vector, latest))
        state.absorb(member)
        state.contested |= contested
        self._event_of[member.article_id] = event
        self._members[member.article_id] = member
        self._touched[event] = None
        if compared is not None:
            role = "member" if len(state.members) > 1 else "seed"
            state.mentions.append(self._mention(compared, role, event))

    def _mention(self, compared: ComparedArticle, role: str, event: str) -> Mention:
        if self._apart is None:
            here = {n for n in compared.neighbours if self._event_of.get(n.article_id) == event}
            elsewhere = (n.cosine for n in compared.neighbours if n not in here)
            shared = max((n.containment for n in here), default=0.0)
            novelty = round(1.0 - max(elsewhere, default=0.0), 4)
            self._apart = Apart(novelty, shared < _MOSTLY)
        return mention_of(compared, role, self._usual, self._apart)

    def changed(self) -> Iterator[EventState]:
        """Describe the open events that changed, or fell silent, since the last call."""
        self._note_silences(self._touched)
        fallen_silent = self._silences.due(self._clock.now)
        self._touched.update((name, None) for name in fallen_silent if name in self._events)
        touched, self._touched = self._touched, {}
        for name in touched:
            yield self._state(self._events[name])

    def _note_silences(self, names: Iterable[str]) -> None:
        for name in names:
            self._silences.note(name, self._events[name].mentions, self._clock.now)

    def states(self) -> Iterator[EventState]:
        """Describe every open event as it stands."""
        for name in self._events:
            yield self._state(self._events[name])

    def retired(self) -> Iterator[EventState]:
        """Give the last state of events that were merged away or left the window, once each.

        Looks for the latter only when the clock has moved a tenth of the window since the last
        look.
        """
        yield from self._merged
        self._merged = []
        now = self._clock.now
        if now is None:
            return
        if (
            self._last_sweep is not None
            and now - self._last_sweep < self._clock.window_seconds / 10
        ):
            return
        self._last_sweep = now
        self._rates.forget(now)
        quiet = [n for n, event in self._events.items() if self._clock.outside(event.newest)]
        for name in quiet:
            yield self._state(self._events[name])
        self._close(set(quiet))

    def _close(self, names: Set[str]) -> None:
        for name in names:
            event = self._events.pop(name, None)
            self._touched.pop(name, None)
            for article in event.article_ids if event else ():
                if self._event_of.get(article) == name:  # a later text may be elsewhere by now
                    for known in (self._event_of, self._members, self._nearest, self._copies,
                                  self._notices):  # fmt: skip
                        known.pop(article, None)
        if names:
            self._votes = {k: n for k, n in self._votes.items() if not names & set(k)}

    def _open(
        self,
        compared: ComparedArticle,
        member: Member,
        novelty: float,
        contested: bool,
        name: str = "",
    ) -> str:
        """Open an event with its first article; give its id."""
        name = name or event_id(member.article_id, compared.embedded.article.revision)
        self._opened += 1
        self._events[name] = OpenEvent(name, self._opened, round(novelty, 4))
        self._join(member, name, contested, compared)
        return name

    def _follow(
        self,
        compared: ComparedArticle,
        event: str,
        at: float | None,
        role: str,
        score: float,
        evidence: str,
    ) -> Assignment:
        """Put a copy or a new revision where it belongs, without changing the event's sums."""
        article = compared.embedded.article
        self._event_of[article.article_id] = event
        if role == "duplicate":
            self._copies.setdefault(compared.verdict.of, []).append(article.article_id)
        self._touched[event] = None
        self._events[event].article_ids.add(article.article_id)
        self._events[event].mentions.append(self._mention(compared, role, event))
        self._events[event].touch(at)
        return Assignment(compared, event, role, score, evidence, False)

    def _state(self, event: OpenEvent, merged_into: str = "") -> EventState:
        centroid = event.centroid()
        nearness = cosines(centroid, [member.vector for member in event.members])
        noticed = self._told_of(event)
        taken_back = {n.article_id for n in noticed["notices"] if n.counts_as == RETRACTED}
        told = describe(event, nearness, taken_back)
        status = "closed" if self._clock.outside(event.newest) else "active"
        return EventState(
            event_id=event.event_id,
            status="merged" if merged_into else status,
            merged_into=merged_into,
            title=told.title,
            representative_article_id=told.article_id,
            summary=tuple(quoted.sentence for quoted in told.summary),
            summary_article_ids=tuple(quoted.article_id for quoted in told.summary),
            keywords=told.keywords,
            entities=told.entities,
            cohesion_mean=sum(nearness) / len(nearness),
            cohesion_min=min(nearness),
            contested=event.contested,
            novelty=event.novelty,
            centroid=centroid.astype("<f4").tobytes(),
            embedding_model=self._embedding_model,
            clock=_EPOCH + timedelta(seconds=self._now(event)),
            mentions=tuple(event.mentions),
            sequence=self._decided,
            **noticed,
        )

    def _told_of(self, event: OpenEvent) -> dict[str, tuple[Notice, ...]]:
        """Give the notices of an event's articles, and those among them that are news."""
        noticed = self._notices.keys() & event.article_ids if self._notices else ()
        notices = sorted(
            (notice for article in noticed for notice in self._notices[article].values()),
            key=lambda notice: (notice.noticed_at, notice.article_id, notice.kind),
        )
        news = tuple(notice for notice in notices if notice in self._unsaid)
        self._unsaid.difference_update(news)
        return {"notices": tuple(notices), "news": news}

    def _now(self, event: OpenEvent) -> float:
        """Give the event clock; before any dated article, the event's own time or 1970."""
        now = self._clock.now if self._clock.now is not None else event.newest
        return now or 0.0


def _probability(
    model: JoinModel, member: Member, event: OpenEvent, nearest: Sequence[Member]
) -> float:
    candidates = measure_candidates(member, [(event, nearest)], {})
    return model.decision(candidates.features, member.vector).probability


def _may_meet(new: Member, old: Member) -> bool:
    """Say whether two articles are in one language, as far as that is certain."""
    return not new.language or not old.language or new.language == old.language
