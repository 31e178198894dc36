"""The model card: what the join model was made from, and how well it does where it was not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.cluster.join_model import FEATURES, JoinModel

CARD = "MODEL_CARD.md"
_COLUMNS = ("docs", "gold_clusters", "pred_clusters", "b3_P", "b3_R", "b3_F1")
_PAIRS = ("pair_P", "pair_R", "pair_F1", "ari")


@dataclass(frozen=True)
class Scored:
    """Scores of one stream by a model that never saw it."""

    stream: str
    how: str
    scores: Mapping[str, float]


def model_card(
    embedding_model: str, made: Mapping[str, Any], model: JoinModel, scored: Sequence[Scored]
) -> str:
    """Write the card as Markdown."""
    return "\n".join(
        [
            "# Join model",
            "",
            "Decides whether an article belongs to an event. Made by `make model`; do not edit.",
            "",
            f"- Embedding model: `{embedding_model}`",
            f"- Made on: {made['made_on']}",
            f"- Features per candidate: {len(FEATURES)}; a linear ranker, then boosted trees on "
            "the best candidate and its contrast with the next ten",
            f"- General trees: {len(model.general.root)}; experts: {len(model.experts)}, each "
            "trusted by what the article is about",
            f"- Joins at a probability of {model.threshold}; contested within "
            f"{model.contested_band} of it",
            "",
            "## Made from",
            "",
            "| file | labels | replayed as | expert | SHA-256 |",
            "|---|---|---|---|---|",
            *(
                f"| {source['file']} | {source['labels']} | {', '.join(source['forms'])} | "
                f"{'yes' if source['expert'] else 'no'} | `{source['sha256'][:16]}` |"
                for source in made["made_from"]
            ),
            "",
            "## Scores on streams it was not trained on",
            "",
            "Held out: scored by the shipped file. Left out of training: scored by a model trained "
            "on all the other streams, as a measure of how it carries over. The threshold is "
            "the same everywhere. Every model is fitted twice: to replays that follow the labels, "
            "then also to replays that follow the first model, with its errors.",
            "",
            "| stream | | docs | events | found | B3 P | R | F1 | pairs P | R | F1 | ARI |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
            *(_row(line) for line in scored),
            "",
        ]
    )


def _row(line: Scored) -> str:
    counts = [f"{line.scores[name]:.0f}" for name in _COLUMNS[:3]]
    shares = [f"{line.scores[name]:.3f}" for name in (*_COLUMNS[3:], *_PAIRS)]
    return f"| {line.stream} | {line.how} | {' | '.join([*counts, *shares])} |"
