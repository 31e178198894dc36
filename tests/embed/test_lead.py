import pytest

from transforms.embed.lead import lead_text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"body": "It fell."}, "Bridge closed. It fell."),
        ({"body": "", "description": "It fell."}, "Bridge closed. It fell."),
        ({"body": "", "description": ""}, "Bridge closed"),
        ({"title": "", "body": "It fell."}, "It fell."),
        ({"title": "Why did it fall?", "body": "Rust."}, "Why did it fall? Rust."),
        ({"body": "Bridge closed\n\nIt fell."}, "Bridge closed. It fell."),
        ({"body": "Bridge closed - It fell."}, "Bridge closed. It fell."),
        ({"body": "One.\n\n  Two\tthree."}, "Bridge closed. One. Two three."),
        ({"body": "word " * 400}, "Bridge closed. " + " ".join(["word"] * 20)),
        ({"body": "字" * 400}, "Bridge closed. " + "字" * 100),
    ],
    ids=[
        "body", "description", "title only", "no title", "question", "title repeated",
        "title and dash", "white space", "cut between words", "no spaces",
    ],
)  # fmt: skip
def test_lead_text(make_article, changes, expected) -> None:
    article = make_article(**{"title": "Bridge closed"} | changes)
    assert lead_text(article, max_chars=100) == expected
