"""What the join model said about one article, with what it rested on, for people to follow."""

from dataclasses import dataclass

import numpy as np

from schemas import Assignment, ChannelReading, ComparedArticle
from schemas.event import GUARDED
from transforms.cluster.candidates import Candidates
from transforms.cluster.join_model import FEATURES, Decision, Features, JoinModel
from transforms.cluster.likeness import LIKENESS, Member

# What explain shows of a decision.
SHOWN = (
    *(f"{name}_best" for name in LIKENESS),
    "dense_mean", "full_mean", "names_mean", "dense_centroid",
    "near_newest", "near_oldest", "gap_unknown", "log_gap", "log_size",
)  # fmt: skip
_BRIEFLY = ("dense_best", "lead_best", "names_best", "numbers_best", "title_best")
_AT = {name: FEATURES.index(name) for name in FEATURES}


@dataclass(frozen=True)
class Judgement:
    """The best candidate, and the next as if the best were not there."""

    candidates: Candidates
    decision: Decision
    second: str  # event; "" when there is none
    second_probability: float
    threshold: float
    contested: bool
    guard: str  # what forbids the join whatever its probability; "" when nothing does

    @property
    def best(self) -> str:
        return self.candidates.events[self.decision.best]

    @property
    def probability(self) -> float:
        return self.decision.probability

    @property
    def joins(self) -> bool:
        return self.probability >= self.threshold and not self.guard

    def assignment(
        self, compared: ComparedArticle, event: str, role: str, score: float
    ) -> Assignment:
        """Make the record of the decision, with what it rested on."""
        return Assignment(
            compared=compared,
            event_id=event,
            role=role,
            score=score,
            evidence=self._evidence(),
            contested=self.contested,
            threshold=self.threshold,
            best_event_id=self.best,
            best_score=self.probability,
            second_event_id=self.second,
            second_score=self.second_probability,
            channels=self._readings(),
        )

    def _readings(self) -> tuple[ChannelReading, ...]:
        rows = self.candidates.features
        best = rows[self.decision.best]
        second = (
            rows[self.candidates.events.index(self.second)] if self.second else np.zeros(len(best))
        )
        return tuple(
            ChannelReading(name, float(best[_AT[name]]), float(second[_AT[name]])) for name in SHOWN
        )

    def _evidence(self) -> str:
        """Write what the decision rested on, for people."""
        row = self.candidates.features[self.decision.best]
        channels = ", ".join(f"{name} {row[_AT[name]]:.2f}" for name in _BRIEFLY)
        lead = self.probability - self.second_probability
        margin = f"margin {lead:.2f}" if self.second else "no other candidate"
        side = "joins" if self.joins else "stays apart from"
        stated = f"{self.guard}{GUARDED}" if self.guard else "probability"
        return (
            f"{side} {self.best}: {stated} {self.probability:.2f} "
            f"(needs {self.threshold:.2f}); {channels}; {margin}"
        )


def judge(candidates: Candidates, member: Member, model: JoinModel, threshold: float) -> Judgement:
    """Ask a model about an article's candidates, of which there is at least one."""
    decision = model.decision(candidates.features, member.vector)
    runner_up, chance = "", 0.0
    if decision.second is not None:
        others = candidates.without(decision.best)
        next_best = model.decision(others.features, member.vector)
        runner_up, chance = others.events[next_best.best], next_best.probability
    return Judgement(
        candidates=candidates,
        decision=decision,
        second=runner_up,
        second_probability=chance,
        threshold=threshold,
        contested=abs(decision.probability - threshold) < model.contested_band,
        guard="",
    )


def reading(measured: Features, feature: str) -> float:
    """Give what was measured of one candidate."""
    return float(measured[_AT[feature]])


def shares_nothing(measured: Features) -> bool:
    """Say whether an article has neither name nor number in common with a candidate."""
    return not (reading(measured, "names_best") or reading(measured, "numbers_best"))
