import hashlib
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.normalise.text import (
    _COUNTED,
    _WORD,
    clean_line,
    clean_text,
    content_hash,
    strip_site_name,
    word_count,
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  Fish\n&amp;\tchips ", "Fish & chips"),
        ("AT&amp;amp;T", "AT&amp;T"),
        ("a &lt; b &copy b", "a < b &copy b"),
        ("Cafe\u0301", "Café"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("\u202eevil\u202c name\ufeff", "evil name"),
        ("nul\x00l and \ud800 half", "null and half"),
        ("La\u200dtin", "Latin"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚒 puts out fire", "👩\u200d🚒 puts out fire"),
        ("no\u00a0break", "no break"),
    ],
)
def test_a_line_is_cleaned(raw, clean):
    assert clean_line(raw) == clean


def test_paragraphs_are_parted_by_exactly_one_empty_line():
    assert clean_text("\n One \n two\n \n\n\n  Three\u2029Four ") == "One two\n\nThree\n\nFour"


@settings(deadline=None)  # the machine may be busy
@given(st.text())
def test_cleaning_twice_changes_nothing_more_where_no_entity_is_left(text):
    once = clean_text(text.replace("&", ""))
    assert clean_text(once) == once
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("title", "stripped"),
    [
        ("Bridge closes - Town Post", "Bridge closes"),
        ("Bridge closes | THE TOWN POST", "Bridge closes"),
        ("Bridge closes — town.example", "Bridge closes"),
        ("Bridge closes :: Town Post", "Bridge closes"),
        ("Bridge - and ferry - Town Post", "Bridge - and ferry"),
        ("Bridge closes - for good", "Bridge closes - for good"),
        ("Town Post - a history", "Town Post - a history"),
        ("Bridge-Town Post", "Bridge-Town Post"),
        ("Town Post", "Town Post"),
    ],
)
def test_only_the_sites_own_name_is_taken_off_a_title(title, stripped):
    assert strip_site_name(title, ("The Town Post", "town.example", "")) == stripped


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("One two, three.", 3),
        ("It's 3.5 well-known e-mails", 4),
        ("橋は閉鎖", 4),
        ("Tokyo 東京 2020", 4),
        ("다리가 폐쇄됐다", 2),
        ("мост закрыт", 2),
        ("— … !", 0),
    ],
)
def test_words_are_counted_in_every_script(text, words):
    assert word_count(text) == words


def test_the_hash_is_of_words_alone():
    one = content_hash("Bridge CLOSES!", "It’s closed: 12 ferries.")
    assert one == content_hash("bridge closes", "it s closed — 12\n\nferries")
    assert one != content_hash("bridge closes", "it s closed 13 ferries")
    assert one != content_hash("bridge closes it", "s closed 12 ferries")
    assert one == hashlib.sha256(b"bridge closes\nit s closed 12 ferries").hexdigest()


# Long enough to be read as an array, of characters on which the ways to read could differ.
TELLING = "aZ9_.,:'’-–“ \n\u00e9ß²\u0301\u0915\u093f中あ٣\U0001f600\U00020001\ud800\x1c\u2028\xa0"
LONG = st.text(TELLING, max_size=40).map(lambda text: (text + " ") * 200)


@settings(deadline=None)
@given(LONG)
def test_a_long_text_has_as_many_words_as_a_search_finds(text):
    assert word_count(text) == sum(1 for _ in _COUNTED.finditer(text))


@settings(deadline=None)
@given(LONG)
def test_a_long_text_has_the_hash_of_the_words_that_a_search_finds(text):
    words = " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
    plain = f"\n{words}".encode("utf-8", "surrogatepass")
    assert content_hash("", text) == hashlib.sha256(plain).hexdigest()
