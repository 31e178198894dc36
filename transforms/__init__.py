"""The stages, in the order an article goes through them.

Each PTransform is imported when it is first asked for, so that the pure cores of a stage load
without Beam.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transforms.cluster.transform import ClusterArticles
    from transforms.dedupe.transform import CompareArticles
    from transforms.embed.transform import EmbedArticles
    from transforms.extract.transform import ExtractArticles
    from transforms.fetch.transform import FetchPages
    from transforms.identify.transform import IdentifyEntries
    from transforms.normalise.transform import NormaliseArticles
    from transforms.parse.transform import ParseEntries
    from transforms.read.transform import ReadDocuments
    from transforms.score.transform import ScoreEvents
    from transforms.write.transform import WriteTables

_STAGES = {
    "ReadDocuments": "read",
    "ParseEntries": "parse",
    "IdentifyEntries": "identify",
    "FetchPages": "fetch",
    "ExtractArticles": "extract",
    "NormaliseArticles": "normalise",
    "EmbedArticles": "embed",
    "CompareArticles": "dedupe",
    "ClusterArticles": "cluster",
    "ScoreEvents": "score",
    "WriteTables": "write",
}

__all__ = [  # noqa: RUF022 - flow order, not alphabetical
    "ReadDocuments",
    "ParseEntries",
    "IdentifyEntries",
    "FetchPages",
    "ExtractArticles",
    "NormaliseArticles",
    "EmbedArticles",
    "CompareArticles",
    "ClusterArticles",
    "ScoreEvents",
    "WriteTables",
]


def __getattr__(name: str) -> Any:
    if name not in _STAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from transforms._shared.records import register_record_coders

    register_record_coders()
    return getattr(import_module(f"transforms.{_STAGES[name]}.transform"), name)
