import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms._shared.redact import redact_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:pw@feeds.example/a?b=1", "https://feeds.example/a?b=1"),
        ("https://us@er:p@w@feeds.example/a", "https://feeds.example/a"),
        ("https://feeds.example/a?token=abc&page=2", "https://feeds.example/a?token=REDACTED&page=2"),
        ("https://feeds.example/?API-Key=abc", "https://feeds.example/?API-Key=REDACTED"),
        ("https://feeds.example/?x_api_key=abc", "https://feeds.example/?x_api_key=REDACTED"),
        ("https://feeds.example/?%74oken=abc", "https://feeds.example/?%74oken=REDACTED"),
        ("https://feeds.example/?a=1;sid=abc", "https://feeds.example/?a=1;sid=REDACTED"),
        ("https://feeds.example/?X-Amz-Signature=ab", "https://feeds.example/?X-Amz-Signature=REDACTED"),
        ("https://feeds.example/?access_token=a=b=", "https://feeds.example/?access_token=REDACTED"),
        ("https://feeds.example/a;jsessionid=ab/b?c", "https://feeds.example/a;jsessionid=REDACTED/b?c"),
        ("https://feeds.example/#access_token=ab", "https://feeds.example/#access_token=REDACTED"),
        ("//user:pw@feeds.example/a", "//feeds.example/a"),
        ("http://user:pw@[broken/a?key=b", "http://[broken/a?key=REDACTED"),
    ],
)  # fmt: skip
def test_credentials_are_taken_out(url, expected):
    assert redact_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://feeds.example/a?q=token&keyword=sea&monkey=1&author=b&sort=desc#top",
        "https://feeds.example/a%20b/?x=%C3%A9&&y",
        "https://feeds.example/?token=&key",
        "https://feeds.example/@handle?mail=a@b.example",
        "file:///in/a%20b.txt#L2",
        "folder/file.txt",
        "",
    ],
)
def test_everything_else_stays_as_it_is(url):
    assert redact_url(url) == url


@given(st.text())
def test_redacting_twice_changes_nothing_more(text):
    assert redact_url(redact_url(text)) == redact_url(text)


@given(st.text(alphabet="ab:/?#@;&=%[]\\ \n", max_size=30))
def test_no_user_name_survives_in_the_authority(rest):
    assert "pass:word@" not in redact_url(f"https://pass:word@{rest}")
