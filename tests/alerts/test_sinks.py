"""The file of alerts: what is read of it, and how each mistake is named."""

import base64
from datetime import timedelta

import pytest

from pipelines.alerts.sinks import MAX_FILE_BYTES, AlertsError, Sink, load_sinks, parse_sinks

KEY = b"0123456789abcdef0123456789abcdef"
NEXT = b"abcdef0123456789abcdef0123456789"
ENVIRONMENT = {
    "SECRET": "whsec_" + base64.b64encode(KEY).decode(),
    "NEXT": base64.b64encode(NEXT).decode(),
    "TOKEN": "t0ken-of-ours",
    "SHORT": base64.b64encode(b"short").decode(),
    "WORDS": "not base64!",
    "LINES": "a\r\nX-Other: b",
}
PLAIN = '[[sink]]\nname = "desk"\nurl = "https://desk.example/in"\n'

WHOLE = """
[[sink]]
name = "desk"
url = "https://hooks.example/${TOKEN}"
format = "slack"
secret = ["${NEXT}", "${SECRET}"]
headers = {Authorization = "Bearer ${TOKEN}", X-Team = "news"}
min_score = 0.6
min_families = 3
keywords = ["port  fire", "strike"]
entities = ["Port Ellery"]
languages = ["en", "de"]
max_age = "2h"
update_gap = "30m"

[[sink]]
name = "log"
url = "http://log.example:8080/"
"""


def problems(text, environment=ENVIRONMENT):
    with pytest.raises(AlertsError) as caught:
        parse_sinks(text, environment)
    for problem in caught.value.problems:
        assert "\n" not in problem
        assert not any(value in problem for value in environment.values())
    return caught.value.problems


def test_every_key_is_read():
    desk, log = parse_sinks(WHOLE, ENVIRONMENT)
    assert desk == Sink(
        name="desk",
        url="https://hooks.example/t0ken-of-ours",
        format="slack",
        keys=(NEXT, KEY),
        headers=(("Authorization", "Bearer t0ken-of-ours"), ("X-Team", "news")),
        secrets=desk.secrets,
        min_score=0.6,
        min_families=3,
        keywords=("port fire", "strike"),
        entities=("Port Ellery",),
        languages=("en", "de"),
        max_age=timedelta(hours=2),
        update_gap=timedelta(minutes=30),
    )
    assert set(desk.secrets) == {ENVIRONMENT[name] for name in ("SECRET", "NEXT", "TOKEN")}
    assert log == Sink("log", "http://log.example:8080/")


def test_a_sink_does_not_show_its_secrets():
    desk, _ = parse_sinks(WHOLE, ENVIRONMENT)
    assert desk.shown == "https://hooks.example"
    (hidden,) = parse_sinks(PLAIN.replace("desk.ex", "${TOKEN}.ex"), ENVIRONMENT)
    assert hidden.shown == "https://REDACTED.example"
    for value in ENVIRONMENT.values():
        assert value not in f"{desk!r} {desk.shown}"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('min_scor = 0.5', "unknown key 'min_scor'; did you mean min_score?"),
        ('zzz = 1', "unknown key 'zzz'; known are name, url, "),
        ('min_score = "0.5"', "min_score: write a number from 0 to 1"),
        ('min_score = true', "min_score: write a number from 0 to 1"),
        ('min_score = nan', "min_score: write a number from 0 to 1"),
        ('min_families = 0', "min_families: write a whole number"),
        ('min_families = 2.5', "min_families: write a whole number"),
        ('format = "teams"', "format: write 'cloudevents' or 'slack'"),
        ('format = ["slack"]', "format: write 'cloudevents' or 'slack'"),
        ('keywords = "fire"', "keywords: write 1 to 500 words"),
        ('keywords = []', "keywords: write 1 to 500 words"),
        ('keywords = [1]', "keywords: write a text"),
        ('languages = ["English"]', "languages: 'English' is no language code"),
        ('max_age = "soon"', "max_age: 'soon' is no span of time"),
        ('max_age = 6', "max_age: write a text"),
        ('secret = "plain"', "secret: a secret comes from the environment"),
        ('secret = "${SHORT}"', "secret: the value of ${SHORT}: it stands for 5 bytes"),
        ('secret = "${WORDS}"', "secret: the value of ${WORDS}: it is no base64"),
        ('secret = "${NOT_SET}"', "secret: the environment variable NOT_SET is not set"),
        ('secret = ["${SECRET}", "${NEXT}", "${SECRET}"]', "secret: write one secret, or two"),
        ('headers = {Authorization = "Bearer abc"}', "headers: the value of Authorization is a"),
        ('headers = {X-A = "${LINES}"}', "headers: the value of the header X-A holds characters"),
        ('headers = {X-A = "${TOKEN"}', 'headers: a "${" begins no variable; write ${NAME}'),
        ('headers = {X-A = "${TOKEN} ${TO KEN}"}', 'headers: a "${" begins no variable'),
        ('headers = {X-A = "${}"}', 'headers: a "${" begins no variable'),
        ('secret = "${SECRET"', "secret: a secret comes from the environment: write"),
        ('headers = {Host = "x"}', "headers: Host is set by newsevents"),
        ('headers = {"a b" = "x"}', "headers: 'a b' is no name of a header"),
        ('headers = "x"', "headers: write at most 20"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_a_mistake_is_named_with_its_sink_and_the_fix(line, problem):
    (found,) = problems(f"# ours\n{PLAIN}{line}\n")
    assert found.startswith(f"line 2, sink desk: {problem}")


@pytest.mark.parametrize(
    "url",
    ["ftp://x.example/", "desk", "https://", "https://a:b@x.example/", "https://x.example/a b",
     "https://x.example:99999/", "https://[::1/", "https://x.example/${TOKEN"],
)  # fmt: skip
def test_a_url_that_cannot_be_posted_to_is_refused(url):
    (found,) = problems(f'[[sink]]\nname = "desk"\nurl = "{url}"\n')
    assert found.startswith("line 1, sink desk: url: ")


def test_the_value_of_a_variable_may_hold_what_begins_one():
    (sink,) = parse_sinks(f'{PLAIN}headers = {{X-A = "${{ODD}}"}}\n', {"ODD": "a${b"})
    assert sink.headers == (("X-A", "a${b"),)


def test_all_mistakes_are_named_at_once():
    found = problems(f'{PLAIN}min_score = 2\nzzz = 1\n[[sink]]\nname = "a b"\n')
    assert [one.partition(": ")[0] for one in found] == [
        "line 1, sink desk", "line 1, sink desk", "line 6, sink 2", "line 6, sink 2",
    ]  # fmt: skip


def test_two_sinks_of_one_name_are_refused():
    assert problems(PLAIN + PLAIN) == [
        "line 4, sink desk: there is another sink of that name; give each its own"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has 0 sinks"),
        (PLAIN * 21, "it has 21 sinks"),
        ("sink = 1", "sinks are written as tables"),
        ("[[sinks]]", "unknown key 'sinks'; did you mean sink?"),
        ("[[sink]", "it is no TOML: "),
        ("x = " + "[" * 5000, "it is no TOML: "),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_list_of_sinks_is_refused(text, problem):
    assert problems(text)[0].startswith(problem)


def test_a_file_is_named_in_what_is_said(tmp_path):
    path = tmp_path / "alerts.toml"
    for content, problem in (
        (b"\xff", "it is not UTF-8; save it as that"),
        (b"#" * (MAX_FILE_BYTES + 1), "it has more than 256 KiB; shorten it"),
        (f"{PLAIN}zzz = 1".encode(), "line 1, sink desk: unknown key 'zzz'"),
    ):
        path.write_bytes(content)
        with pytest.raises(AlertsError) as caught:
            load_sinks(str(path))
        assert str(caught.value).startswith(f"{path}: {problem}")
    with pytest.raises(AlertsError, match=r"--alerts .*: No such file or directory; name a TOML"):
        load_sinks(str(tmp_path / "none.toml"))
