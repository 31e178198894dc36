"""The pages in a real browser: policy, width, keyboard, and renewing themselves."""

import os
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from pipelines.serve.app import make_app
from pipelines.serve.index import Index

pytestmark = pytest.mark.browser

PAGES = ("/", "/events", "/events?q=x&from=2026-03-02T07:35&min_articles=2", "/events/flood",
         "/events/attack", "/feeds", "/dead-letters", "/dead-letters?reason=empty", "/api",
         "/events/none")  # fmt: skip


@pytest.fixture
def address(busy):
    """A server that looks at its output five times a second."""
    index = Index(busy.path)
    index.refresh()
    config = uvicorn.Config(
        make_app(index, look_seconds=0.2), port=0, log_level="warning", access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_no_page_offends_its_policy_or_scrolls_sideways(chromium, address, tmp_path):
    """Pictures of all pages go to the folder that SCREENSHOTS names, if it does."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for number, page in enumerate(PAGES):
        for look, width, dark in (("light", 1100, False), ("dark", 1100, True),
                                  ("phone", 360, False)):  # fmt: skip
            chromium.open(address + page, width, dark=dark)
            assert chromium.value("document.documentElement.scrollWidth") <= width, page
            chromium.picture(folder / f"{number}-{look}.png")
            assert chromium.value("document.title") != "owned"
            small = chromium.value(
                "[...document.querySelectorAll('details')].forEach(d => d.open = true),"
                "document.documentElement.scrollWidth"
            )
            assert small <= width, f"{page} when all is unfolded"
    messages = [text for text in chromium.messages if "404 (Not Found)" not in text]
    assert messages == []  # /events/none is a 404


def test_dark_and_light_differ(chromium, address):
    colours = set()
    for dark in (False, True):
        chromium.open(address, dark=dark)
        colours.add(chromium.value("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


def test_everything_is_reached_with_the_tab_key_and_the_focus_is_seen(chromium, address):
    chromium.open(f"{address}/events")
    wanted = chromium.value(
        "[...document.querySelectorAll('a, button, input, select, summary')]"
        ".filter(n => n.checkVisibility()).length"
    )
    reached, seen = [], True
    for _ in range(wanted + 30):  # a field for a time has several stops
        chromium.press("Tab")
        reached.append(chromium.value(
            "(() => { const n = document.activeElement, s = getComputedStyle(n);"
            "return [n.tagName + (n.name || n.href || n.id || n.textContent),"
            "s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0] })()"
        ))  # fmt: skip
        if len(reached) > 1 and reached[-1][0].startswith("BODY"):
            break
    stops = {name for name, _ in reached if not name.startswith("BODY")}
    seen = all(outlined for name, outlined in reached if not name.startswith("BODY"))
    assert reached[0][0].endswith("#main")  # the way past the menu comes first
    assert len(stops) >= wanted - 3  # the same address may be linked twice
    assert seen


def test_all_fields_have_labels_and_pictures_names(chromium, address):
    for page in ("/events", "/feeds"):
        chromium.open(address + page)
        nameless = chromium.value(
            "[...document.querySelectorAll('input, select')].filter(n => !n.labels.length).length"
            "+ [...document.querySelectorAll('svg')].filter(n =>"
            " !n.getAttribute('aria-label') && n.getAttribute('aria-hidden') !== 'true').length"
        )
        assert nameless == 0


def test_a_page_renews_itself_and_keeps_the_focus_and_what_was_unfolded(chromium, address, busy):
    chromium.open(f"{address}/events/flood")
    chromium.value("document.querySelector('#c-a0').open = true,"
                   "document.querySelector('#c-a0 > summary').focus()")  # fmt: skip
    busy.article("a9", "flood", 95, title="Dyke holds in the north")
    busy.event("flood", 30, revision=3, title="River falls at Ostenby", article_count=5)
    busy.commit()
    chromium.wait("document.querySelector('h1').textContent === 'River falls at Ostenby'")
    assert chromium.value("document.querySelector('#c-a0').open")
    assert chromium.value("document.activeElement.parentNode.id") == "c-a0"
    assert chromium.value("document.querySelector('[role=status]').textContent") == (
        "The page was updated."
    )
    assert "Dyke holds in the north" in chromium.value("document.body.textContent")
    assert chromium.messages == []


def test_updates_can_be_paused(chromium, address, busy):
    chromium.open(address)
    chromium.value("document.getElementById('pause').click()")
    assert chromium.value("document.getElementById('pause').ariaPressed") == "true"
    busy.event("later", 100, title="Came later")
    busy.commit()
    time.sleep(6)
    assert "Came later" not in chromium.value("document.body.textContent")
    chromium.value("document.getElementById('pause').click()")
    chromium.wait("document.body.textContent.includes('Came later')")


def test_a_script_that_gets_into_a_page_does_not_run(chromium, address):
    chromium.open(address)
    chromium.value(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=document.title=1>'),"
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'document.title = 1'}))"
    )
    chromium.wait("true")
    assert chromium.value("document.title") != "1"
    assert any("Content Security Policy" in text for text in chromium.messages)
