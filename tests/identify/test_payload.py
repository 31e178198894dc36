import pytest

from transforms.identify.payload import read_payload, text_hash

PARAGRAPH = "The old bridge over the mill stream is closed since noon, the town says. " * 4


def page(clock: str, toll: int) -> str:
    return (
        f"<html><head><script>var t={clock!r}</script></head><body><div>{clock} ago</div>"
        f"<p>{PARAGRAPH} {toll} people were hurt.</p></body></html>"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "THE old bridge, over the mill stream, is closed since noon!"},
        {"summary": "<p>The <b>old</b> bridge over the mill stream<br>is closed since noon.</p>"},
        {"summary": "The old bridge over the mill stream is closed&nbsp;since noon."},
        {"summary": "", "content": "The old bridge over the mill stream is closed since noon."},
        {"title": "OLD BRIDGE: closed"},
    ],
    ids=["case and punctuation", "markup", "entities", "in the content", "title"],
)
def test_the_same_words_give_the_same_text_hash(make_entry, changes) -> None:
    assert read_payload(make_entry(**changes)).text_hash == read_payload(make_entry()).text_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "The new bridge over the mill stream is closed since noon."},
        {"title": "Old bridge open"},
        {"title": "", "summary": "Old bridge closed The old bridge over the mill stream is closed"},
        {"content": "Something else."},
    ],
    ids=["word", "title", "title in the text", "content before summary"],
)
def test_other_words_give_another_text_hash(make_entry, changes) -> None:
    assert read_payload(make_entry(**changes)).text_hash != read_payload(make_entry()).text_hash


def test_text_hash_alone_is_that_of_the_payload(make_entry, make_file) -> None:
    for entry in (make_entry(), make_file("a.txt", "x < y & z"), make_file("b.txt", "")):
        assert text_hash(entry) == read_payload(entry).text_hash


def test_entries_without_words_are_not_the_same(make_file) -> None:
    assert text_hash(make_file("a.txt", "")) != text_hash(make_file("b.txt", " ... "))


def test_plain_text_is_not_read_as_markup(make_file) -> None:
    one = make_file("a.txt", "Profit <script> loss </script> end")
    other = make_file("b.txt", "Profit <script> gain </script> end")
    assert text_hash(one) != text_hash(other)


def test_scripts_of_a_page_do_not_count(make_file) -> None:
    shown = "<html><body><p>Bridge closed</p>{}</body></html>"
    one = make_file("a.html", shown.format("<script>1</script>"), content_type="page")
    other = make_file("b.html", shown.format("<style>2</style>"), content_type="page")
    assert text_hash(one) == text_hash(other)


def test_numbers_of_a_page_are_those_of_its_paragraphs(make_file) -> None:
    def numbers(text: str) -> object:
        return read_payload(make_file("a.html", text, content_type="page")).numbers

    assert numbers(page("5 minutes", toll=7)) == numbers(page("6 minutes", toll=7))
    assert numbers(page("5 minutes", toll=7)) != numbers(page("5 minutes", toll=8))


@pytest.mark.parametrize(
    "frame",
    [
        "<div>" * 100_000 + "{}",
        "{}\x00{}",
        "<!-- {} -->",
        "\ud800 <b>{}",
        "<p>" + "x " * 6_000_000 + "{}",
        "<![CDATA[ {}",
    ],
    ids=["deep", "null byte", "only a comment", "surrogate", "12 MB", "cdata"],
)
def test_hostile_markup_is_not_cut_to_the_same_text(make_file, frame: str) -> None:
    one = make_file("a.html", frame.replace("{}", "alpha"), content_type="page")
    other = make_file("b.html", frame.replace("{}", "omega"), content_type="page")
    assert text_hash(one) != text_hash(other)
