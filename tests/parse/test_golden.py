"""Each file of tests/data/parse is named for what is odd about it; the .json says what it gives.

An expectation lists only what is not empty. ``document`` in it says how the file was received.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from transforms._shared.rejects import RejectError
from transforms.parse.document import parse_document

DATA = Path(__file__).parents[1] / "data" / "parse"
CASES = sorted(path for path in DATA.iterdir() if not path.name.endswith(".expected.json"))


def summarise(document):
    """Describe what a document gives, in the form of the .expected.json files."""
    try:
        found = parse_document(document, max_entries=5000)
    except RejectError as error:
        return {"rejected": error.reason, "error": error.message}
    entries = [
        {name: value for name, value in asdict(entry).items() if value and name != "received_at"}
        for entry in found.entries
    ]
    losses = [
        {"key": loss.key, "reason": loss.error.reason, "replayable": loss.error.replayable}
        for loss in found.losses
    ]
    described = {"entries": entries, "losses": losses, "notes": list(found.notes)}
    return json.loads(json.dumps({name: value for name, value in described.items() if value}))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_document_gives_exactly_what_is_written_beside_it(path, make_document):
    expected = json.loads(path.with_name(f"{path.name}.expected.json").read_text("utf-8"))
    how = expected.pop("document")
    document = make_document(path.read_bytes(), how.pop("kind"), **how)
    assert summarise(document) == expected


def test_every_expectation_has_its_document():
    expected = {path.name.removesuffix(".expected.json") for path in DATA.glob("*.expected.json")}
    assert expected == {path.name for path in CASES}
    assert len(CASES) >= 15
