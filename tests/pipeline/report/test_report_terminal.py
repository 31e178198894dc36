import io

import pytest
from rich.console import Console
from rich.text import Text

from pipelines.report import load_view
from pipelines.report.terminal import make_console, print_events, show_report


def printed(folder, limit=20, console=None):
    stream = io.StringIO()
    console = console or make_console(stream)
    print_events(load_view(folder.write()), console, limit)
    return console.file.getvalue()


def test_each_event_takes_one_line(busy):
    lines = printed(busy).splitlines()
    assert len(lines) == 1 + 3 + 1
    assert lines[1].split() == [
        *"River bursts its banks at Ostenby".split(), "4", "(1)", "4", "2024-03-04", "06:30",
        "breaking",
    ]  # fmt: skip


def test_last_line_counts_everything(busy):
    assert printed(busy).splitlines()[-1] == (
        "7 articles, 3 events, 1 copy, 2 repeats, 4 rejected (empty 3, not_a_feed 1)"
    )


def test_revisions_are_counted_apart_from_articles(folder):
    folder.event("e")
    for revision in (1, 2, 3):
        folder.article("a", "e", revision=revision)
    assert printed(folder).splitlines()[-1].startswith("1 article (and 2 changed texts), 1 event")


def test_repeats_are_not_claimed_when_unknown(busy):
    busy.run = None
    assert "repeat" not in printed(busy)


def test_events_beyond_the_limit_are_counted(busy):
    assert "\nand 2 more\n" in printed(busy, limit=1)


def test_limit_of_none_prints_only_counts(busy):
    assert printed(busy, limit=0).splitlines()[0] == "and 3 more"


def test_no_events_prints_only_counts(folder):
    assert printed(folder) == "0 articles, 0 events, 0 copies, 2 repeats, 0 rejected\n"


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "COLUMNS"])
def test_output_that_is_no_terminal_is_plain_and_120_wide(busy, monkeypatch, variable):
    monkeypatch.setenv(variable, "40")
    busy.event("long", 0, title="word " * 100, article_count=3)
    text = printed(busy)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) == 120


def test_narrow_terminal_keeps_every_column(busy):
    busy.event("long", 0, title="word " * 100, article_count=1234, duplicate_count=999)
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="truecolor")
    lines = [Text.from_ansi(line) for line in printed(busy, console=console).splitlines()]
    assert max(line.cell_len for line in lines) <= 80
    row = next(line.plain for line in lines if "1,234" in line.plain)
    assert "…" in row
    assert row.split()[-5:] == ["(999)", "1", "2024-03-04", "06:00", "quiet"]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        pytest.param("[bold red]x[/]", "[bold red]x[/]", id="markup"),
        pytest.param("a\x1b]0;owned\x07b", "a ]0;owned b", id="terminal-escape"),
        pytest.param("a\r\nb", "a b", id="line-break"),
        pytest.param(":smile:", ":smile:", id="emoji-code"),
    ],
)
def test_hostile_title_is_harmless(folder, title, shown):
    folder.event("e", title=title)
    line = printed(folder).splitlines()[1]
    assert line.startswith(shown + " ")
    assert line.isprintable()


def test_events_go_to_standard_output_and_all_of_them_to_the_page(busy, capsys):
    page = show_report(busy.write(), limit=1)
    assert page == str(busy.path / "report.html")
    assert (busy.path / "report.html").read_text("utf-8").count('<details class="event') == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("River bursts its banks")
    assert lines[2] == "and 2 more"


def test_unfinished_run_is_told(busy):
    busy.write()
    (busy.path / ".unfinished").touch()
    assert printed(busy).endswith("a run is still going on or was interrupted\n")
