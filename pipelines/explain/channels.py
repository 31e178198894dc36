"""What each channel of a decision measures, in a few words."""

_OF_TEXT = {
    "lead": "title and first 120 words",
    "full": "first 400 words",
    "title": "title",
    "names": "names",
    "numbers": "numbers",
    "spans": "names of several words",
}
_MEANINGS = {
    "dense": "cosine of the embeddings",
    "containment": "share of its 3-grams that the other holds",
    "spans": "names of several words shared, ln(1 + n)",
    "names_of_new": "share of its names that the other has",
    "names_of_old": "share of the other's names that it has",
    "numbers_of_new": "share of its numbers that the other has",
    "numbers_of_old": "share of the other's numbers that it has",
    "dense_centroid": "cosine to the event's mean vector",
    "near_newest": "1 within the event's span, 0 far from it",
    "near_oldest": "1 near the event's first article, else 0",
    "gap_unknown": "1 when a date is unknown",
    "log_gap": "ln(1 + days outside the event's span)",
    "log_size": "ln(1 + articles in the event)",
    **{name: f"cosine: {of}" for name, of in _OF_TEXT.items() if name != "spans"},
    **{f"rare_{name}": f"rarity shared: {of}" for name, of in _OF_TEXT.items()},
}


def meaning(channel: str) -> str:
    """Say what a channel measures; "" for one that an older or newer version wrote."""
    if channel in _MEANINGS:
        return _MEANINGS[channel]
    name, _, over = channel.rpartition("_")
    if name not in _MEANINGS or over not in ("best", "mean"):
        return ""
    return f"mean {_MEANINGS[name]}" if over == "mean" else _MEANINGS[name]
