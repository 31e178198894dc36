import pytest

from transforms.extract.clutter import drop_clutter, is_clutter, is_edge_clutter

STORY = ["The ferry sank off the harbour.", "Nobody was hurt, the coast guard said."]


@pytest.mark.parametrize(
    "line",
    [
        "Continue reading…",
        "CONTINUE READING →",
        "Send this to friend",
        "Before You Go",
        "Share on Facebook",
        "Advertisement",
        "Click here to read the full report",
        "Sign up for our newsletter",
        "Sign up here for the Morning Post newsletter.",
        "Follow us on Twitter and Facebook",
        "The post Ferry sinks appeared first on Harbour News.",
        "Read more: The captain's long record",
        "This website uses cookies to improve your experience.",
        "Weiterlesen …",
        "Lire la suite",
        "À lire aussi : Le port fermé",
        "Leer más",
        "Leggi anche",
        "Читайте также",
        "続きを読む",
        "1,204 shares",
        "[…]",
    ],
)
def test_a_site_line_is_clutter_wherever_it_stands(line):
    assert is_clutter(line)


@pytest.mark.parametrize(
    "line",
    [
        "Continue reading the river's level every hour, the engineers were told.",
        "Advertisement spending fell by a third.",
        "He said: read more books.",
        "The post office appeared first on the list.",
        "We use cookies as bait, the baker said" + " and laughed" * 60,
        "Print",
        "0",
        "Comments",
    ],
)
def test_a_line_of_a_story_is_not_sure_clutter(line):
    assert not is_clutter(line)


@pytest.mark.parametrize(
    "line", ["Print", "0", "1.2K", "Tweet", "12 Comments", "* * *", "© 2026 Harbour News", "Teilen"]
)
def test_a_doubtful_line_is_clutter_at_an_end(line):
    assert is_edge_clutter(line)
    assert drop_clutter([line, *STORY, line]) == STORY


def test_a_doubtful_line_inside_a_story_stays():
    kept = [STORY[0], "Print", STORY[1]]
    assert drop_clutter(kept) == kept


def test_a_share_bar_inside_a_story_goes():
    bar = ["Share on Facebook", "Tweet", "Print", "0"]
    assert drop_clutter([STORY[0], *bar, STORY[1]]) == STORY


def test_nothing_but_clutter_leaves_nothing():
    assert drop_clutter(["Share", "Tweet", "0"]) == []
