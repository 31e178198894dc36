"""What ``dedupe`` says about an article."""

from dataclasses import dataclass

from schemas.article import EmbeddedArticle

DUPLICATE_KINDS = ("none", "exact_text", "near_verbatim", "contained")


@dataclass(frozen=True)
class Neighbour:
    """An earlier article that may belong to the same event."""

    article_id: str
    cosine: float  # of the two embeddings, [-1, 1]
    containment: float  # share of this article's word 3-grams found in the neighbour, [0, 1]
    via: str  # vector, sketch or both: which search proposed it


@dataclass(frozen=True)
class DuplicateVerdict:
    kind: str  # one of DUPLICATE_KINDS
    of: str  # article_id of the original; "" when kind is none
    score: float  # measured overlap in [0, 1]; 0.0 when kind is none
    evidence: str  # one readable sentence; "" when there is nothing to say


@dataclass(frozen=True)
class ComparedArticle:
    embedded: EmbeddedArticle
    verdict: DuplicateVerdict
    neighbours: tuple[Neighbour, ...]  # best first
    further: str = ""  # article ids of less near ones, nearest first, with spaces: they propose
    # their events where none of the neighbours does
