import pytest

from transforms.cluster.noise import is_boilerplate, without_dateline
from transforms.cluster.sentences import is_whole, lead_sentences, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One came. Two left! Three stayed?", ["One came.", "Two left!", "Three stayed?"]),
        ("The U.S. Senate met. It voted.", ["The U.S. Senate met.", "It voted."]),
        ("He flew to the U.S. The senate met.", ["He flew to the U.S.", "The senate met."]),
        ("Mr. J. Quill met Sen. Finch.", ["Mr. J. Quill met Sen. Finch."]),
        ("It rose 4.5 percent. Banks fell.", ["It rose 4.5 percent.", "Banks fell."]),
        ("Am 3. Oktober war Ruhe. Am 4. Mai nicht.",
         ["Am 3. Oktober war Ruhe.", "Am 4. Mai nicht."]),
        ("“Go home.” They did.", ["“Go home.”", "They did."]),
        ("大雨で川が氾濫した。住民は避難した。", ["大雨で川が氾濫した。", "住民は避難した。"]),
        ("बाढ़ आई। लोग चले गए।", ["बाढ़ आई।", "लोग चले गए।"]),
        ("It closed at 5 p.m. on Monday.", ["It closed at 5 p.m. on Monday."]),
        ("no end", ["no end"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_split_where_its_sentences_end(text, sentences):
    assert list(split_sentences(text)) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "HARROWICK, May 3 (Civic Wire) - The old cannery burnt down.",
        "HARROWICK — The old cannery burnt down.",
        "Harrowick (CW) – The old cannery burnt down.",
        "(CW) The old cannery burnt down.",
        "(CW) -- The old cannery burnt down.",
    ],
)
def test_a_dateline_is_taken_off(text):
    assert without_dateline(text) == "The old cannery burnt down."
    after_a_picture = f"Flames above the quay\n\n{text}"
    assert lead_sentences(after_a_picture)[-1] == "The old cannery burnt down."


@pytest.mark.parametrize(
    "text",
    [
        "The cannery — the oldest of Harrowick — burnt down.",
        "Marta Quill - the mayor - spoke.",
        "The old cannery burnt down.",
    ],
)
def test_what_is_no_dateline_stays(text):
    assert without_dateline(text) == text


@pytest.mark.parametrize(
    "sentence",
    [
        "Sign up for our newsletter to get the news of Harrowick.",
        "Read more about the fire at Harrowick here.",
        "Photo: Marta Quill for the Harbour Post of Harrowick.",
        "The old quay in this photo was taken by Odell Finch in May.",
        "Write to desk@harbour.example with your story.",
        "Follow us for more news of Harrowick and the coast.",
        "Abonnieren Sie hier den Brief aus Birkenrode.",
        "© Harbour Post, all the news of the coast.",
        "THIS STORY IS FOR READERS OF THE POST ALONE.",
    ],
)
def test_boilerplate_is_known(sentence):
    assert is_boilerplate(sentence)
    assert lead_sentences(f"{sentence}\n\nThe cannery at Harrowick burnt down.") == (
        "The cannery at Harrowick burnt down.",
    )


def test_headings_the_title_and_what_is_cut_off_are_left_out():
    text = (
        "Cannery burns at Harrowick quay.\n\nA heading without an end\n\n"
        "Three workers died in the fire. They slept upstairs…\n\n"
        "The mayor of the town spoke of a black day."
    )
    assert lead_sentences(text, "Cannery burns at Harrowick quay") == (
        "Three workers died in the fire.",
        "The mayor of the town spoke of a black day.",
    )


def test_at_most_three_sentences_are_kept():
    text = " ".join(f"The cannery burnt for {n} hours." for n in range(9))
    assert len(lead_sentences(text)) == 3


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ()),
        ("The old bridge is closed", ("The old bridge is closed",)),
        ("word " * 500, (("word " * 60).strip() + "…",)),
    ],
)
def test_an_opening_stands_in_when_no_sentence_is_whole(text, kept):
    assert lead_sentences(text) == kept


@pytest.mark.parametrize(
    ("sentence", "whole"),
    [
        ("The bridge is closed.", True),
        ("The bridge is closed.”", True),
        ("橋は閉鎖された。", True),
        ("iPhone sales of the shop fell.", True),
        ("he bridge is closed.", False),
        ("The bridge is closed", False),
        ("The bridge is...", False),
    ],
)
def test_a_whole_sentence_has_a_beginning_and_an_end(sentence, whole):
    assert is_whole(sentence) is whole
