"""What a plain text model needs beside its weights, so that it runs without torch.

Imports neither torch nor sentence-transformers: it looks at what is given.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transforms.embed.tokens import Tokens

# Written for this check: short and long, other alphabets, signs, nothing.
SAMPLES = (
    "The old bridge is closed. Traffic goes round by the mill.",
    "",
    "Bürgermeisterin eröffnet Straßenbahn; 3,5 Mio. € für die Brücke!",
    "橋は閉鎖された。 Мост закрыт. الجسر مغلق",
    "Rain fell on the hills for the fourth day, and the river rose to the arches. " * 40,
    "[SEP] </s> &amp; 🙂 e\u0301 \u200b\x00 A_b-c'd",
)

_TEXT, _RULES = "tokenizer.json", "rules.json"


class NotPlainError(Exception):
    """The model is more than tokens, a mask and a vector; the message says what."""


@dataclass(frozen=True)
class TextRules:
    """How texts become tokens."""

    tokenizer: str  # as the library ``tokenizers`` stores it
    padding: int  # number of the token that fills up
    most_tokens: int | None  # of a text; None: no limit known

    def tokens(self, most: int) -> Tokens:
        """Make what cuts texts, into ``most`` tokens or the model's own limit if that is lower."""
        return Tokens(self.tokenizer, self.padding, min(most, self.most_tokens or most))

    def write(self, folder: Path) -> None:
        """Store them beside the model."""
        rest = {name: value for name, value in asdict(self).items() if name != "tokenizer"}
        (folder / _TEXT).write_text(self.tokenizer, encoding="utf-8")
        (folder / _RULES).write_text(json.dumps(rest), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "TextRules":
        """Read what ``write`` stored."""
        rest = json.loads((folder / _RULES).read_text(encoding="utf-8"))
        return cls((folder / _TEXT).read_text(encoding="utf-8"), **rest)


def text_rules(model: Any) -> TextRules:
    """Read the rules off a SentenceTransformer, and try them against its own.

    Raises:
        NotPlainError: it does something with texts that the rules do not tell.
    """
    first = model[0]
    tokenizer: Any = getattr(first, "tokenizer", None)
    if not hasattr(first, "preprocess") or not getattr(tokenizer, "is_fast", False):
        raise NotPlainError("it is no transformer with a fast tokenizer")
    if model.prompts.get(model.default_prompt_name or ""):
        raise NotPlainError("it puts a prompt before each text")
    if tokenizer.pad_token_id is None or tokenizer.padding_side != "right":
        raise NotPlainError("it does not fill up on the right")
    limit = model.max_seq_length
    most = int(limit) if limit and limit < 1e6 else None
    rules = TextRules(tokenizer.backend_tokenizer.to_str(), int(tokenizer.pad_token_id), most)
    _try_rules(rules, first, SAMPLES)
    return rules


def _try_rules(rules: TextRules, first: Any, texts: Sequence[str]) -> None:
    expected = first.preprocess(list(texts))
    if not {"input_ids", "attention_mask"} <= expected.keys():
        raise NotPlainError("it does not read tokens with a mask")
    batch = rules.tokens(rules.most_tokens or 2**20).together(texts)
    for name, found in (("input_ids", batch.ids), ("attention_mask", batch.mask)):
        if not np.array_equal(found, expected[name].numpy()[batch.rows]):
            raise NotPlainError("its tokenizer is no plain one")
