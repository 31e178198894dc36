import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms._shared.charset import decode, storable
from transforms._shared.rejects import RejectError

XML = '<?xml version="1.0" encoding="{}"?><p>{}</p>'
META = "<html><head><meta charset='{}'></head><body>{}</body></html>"
RUSSIAN = "Мост через реку открыт после двух лет строительства, сообщили городские власти."


def _xml(declared, text, actual):
    return XML.format(declared, text).encode(actual)


@pytest.mark.parametrize(
    ("content", "header", "words"),
    [
        pytest.param("Über".encode(), "", "Über", id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + b"plain", "", "plain", id="utf-8-mark"),
        pytest.param("Über".encode("utf-16"), "", "Über", id="utf-16-mark"),
        pytest.param("Über".encode("utf-32"), "", "Über", id="utf-32-mark"),
        pytest.param("<p>Über</p>".encode("utf-16-le"), "", "Über", id="utf-16-le-without-mark"),
        pytest.param("<p>Über</p>".encode("utf-16-be"), "", "Über", id="utf-16-be-without-mark"),
        pytest.param("<p>Über</p>".encode("utf-32-le"), "", "Über", id="utf-32-le-without-mark"),
        pytest.param("<p>Über</p>".encode("utf-32-be"), "", "Über", id="utf-32-be-without-mark"),
        pytest.param(_xml("koi8-r", "Мост", "koi8-r"), "", "Мост", id="xml-declaration"),
        pytest.param(_xml("koi8-r", "Мост", "koi8-r"), "cp1251", "Мост", id="xml-beats-header"),
        pytest.param(
            META.format("euc-kr", "다리").encode("euc-kr"), "", "다리", id="meta-declaration"
        ),
        pytest.param("Мост".encode("cp1251"), "windows-1251", "Мост", id="header"),
        pytest.param("Мост".encode("cp1251"), ' "Windows-1251" ', "Мост", id="header-in-quotes"),
        pytest.param(_xml("utf-8", RUSSIAN, "cp1251"), "cp1251", RUSSIAN, id="false-xml"),
        pytest.param(_xml("utf-16", "Über", "utf-8"), "", "Über", id="impossible-utf-16"),
        pytest.param(_xml("no-such-set", "Über", "utf-8"), "", "Über", id="unknown-set"),
        pytest.param(_xml("iso-8859-1", "Café", "utf-8"), "", "Café", id="western-but-utf-8"),
        pytest.param(_xml("iso-8859-1", "‘so’", "cp1252"), "", "‘so’", id="windows-quotes"),
        pytest.param(_xml("gb2312", "桥镕", "gb18030"), "", "桥镕", id="gb2312-superset"),
        pytest.param(_xml("shift_jis", "①橋", "cp932"), "", "①橋", id="shift-jis-superset"),
        pytest.param(RUSSIAN.encode("cp1251"), "", RUSSIAN, id="detected"),
        pytest.param(RUSSIAN.encode()[:-2], "", RUSSIAN[:-2], id="cut-inside-a-character"),
        pytest.param(b"a\0b\0" * 2 + b"cd" * 40, "", "abab", id="stray-zero-bytes"),
    ],
)
def test_text_is_read_in_its_real_character_set(content, header, words):
    text = decode(content, header)
    assert words in text
    assert not text.startswith("\ufeff")
    assert "\0" not in text


@pytest.mark.parametrize("name", ["utf-7", "punycode", "unicode_escape", "idna", "zip", "\0", ""])
def test_a_codec_that_is_no_document_charset_is_never_used(name):
    assert decode(b"+AGE- \\u0061 xn--a", name) == "+AGE- \\u0061 xn--a"


@pytest.mark.parametrize(
    "content", [bytes(range(1, 32)) * 30, b"\x00" * 100, bytes([1, 2, 0xFF, 0x80]) * 50]
)
def test_what_is_no_text_in_any_charset_is_refused(content):
    with pytest.raises(RejectError) as caught:
        decode(content, "")
    assert caught.value.reason == "undecodable"


def test_storable_removes_what_no_table_can_hold():
    assert storable("a\0b\ud800c\udfffd") == "abcd"


@given(st.binary(max_size=400), st.sampled_from(["", "utf-8", "latin-1", "gbk", "hz", "utf-7"]))
def test_any_bytes_are_decoded_or_refused(content, header):
    try:
        decode(content, header).encode("utf-8")
    except RejectError as error:
        assert error.reason == "undecodable"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=200))
def test_utf_8_text_comes_back_unchanged_whatever_the_header_says(text):
    assert decode(b"\xef\xbb\xbf" + text.encode(), "cp1251") == text.removeprefix("\ufeff")
