"""The page in a real browser: what its script does, and what hostile text cannot do."""

import re
import shutil
import subprocess

import pytest

from pipelines.report.page import write_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        BROWSER is None, reason="no Chromium found; on Debian: apt-get install chromium"
    ),
]


def browse(path, profile, fragment=""):
    """Load the page without a window; gives the resulting DOM and the browser's messages."""
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
            "--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom",
            f"{path.as_uri()}{fragment}",
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture
def page(busy):
    write_report(busy.write())
    return busy.path / "report.html"


def test_page_runs_its_script_and_nothing_else(page, tmp_path):
    dom, messages = browse(page, tmp_path / "profile")
    assert re.search(r'<body[^>]* data-ready="3"', dom)
    assert "3 shown</output>" in dom
    assert re.search(r"<form(?![^>]* hidden)[^>]* id=\"controls\"", dom)
    assert len(re.findall(r'<details class="event', dom)) == 3
    assert "River bursts its banks at Ostenby" in dom
    assert "<title>News events: 3 events from 7 articles</title>" in dom
    assert dom.count("<script") == 1
    assert messages == []


def test_address_of_an_event_opens_it(page, tmp_path):
    dom, _ = browse(page, tmp_path / "profile", "#e-council")
    opened = re.findall(r'<details class="event[^>]* id="e-(\w+)"[^>]* open=""', dom)
    assert opened == ["council"]


def test_filter_sort_and_range_change_what_is_shown(page, tmp_path):
    """A second script plays the reader; it may run only because the copy has no policy."""
    reader = """<script>
    const set = (id, value) => {
      const control = document.getElementById(id);
      if (control.type === "checkbox") control.checked = value; else control.value = value;
      control.dispatchEvent(new Event("input", { bubbles: true }));
      return [...document.querySelectorAll(".event")].filter((e) => !e.hidden)
        .map((e) => e.id).join(" ");
    };
    const seen = [
      set("find", "ÖSTENBY"), set("find", "no such words"), set("find", ""),
      set("state", "breaking"), set("state", ""), set("size", "2"), set("size", ""),
      set("broke", true), set("broke", false), set("sort", "first"), set("sort", "publishers"),
      set("sort", "break"),
    ];
    const output = document.createElement("pre");
    output.textContent = seen.map((ids) => `[${ids}]`).join("\\n");
    document.body.append(output);
    </script></body>"""
    html = page.read_text(encoding="utf-8")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    copy = tmp_path / "copy.html"
    copy.write_text(html.replace("</body>", reader), encoding="utf-8")
    dom, messages = browse(copy, tmp_path / "profile")
    seen = re.search(r"<pre>(.*?)</pre>", dom, re.DOTALL)[1].splitlines()
    everything = "[e-flood e-council e-attack]"
    assert seen == [
        "[e-flood]", "[]", everything,
        "[e-flood]", everything, "[e-flood e-council]", everything,
        "[e-flood]", everything, "[e-attack e-flood e-council]", everything,
        everything,
    ]  # fmt: skip
    assert messages == []


def test_policy_stops_a_script_that_got_into_the_page(page, tmp_path):
    html = page.read_text(encoding="utf-8")
    copy = tmp_path / "copy.html"
    intruder = "<script>document.title='owned'</script><p onclick='x()'>x</p></body>"
    copy.write_text(html.replace("</body>", intruder), encoding="utf-8")
    dom, messages = browse(copy, tmp_path / "profile")
    assert "<title>owned</title>" not in dom
    assert any("Content Security Policy" in line for line in messages)
