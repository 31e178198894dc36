"""The tables, defined once: Arrow schema, BigQuery schema and documentation come from here.

``Table.arrow_schema`` imports pyarrow when called, so that importing the records stays cheap.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.alert import ALERT_FORMATS
from schemas.alert import OUTCOMES as ALERT_OUTCOMES
from schemas.feed import OUTCOMES
from schemas.notice import NOTICE_KINDS

if TYPE_CHECKING:
    import pyarrow as pa

# Scalar types by our name: (Arrow constructor name or parametrised form, BigQuery type).
_BIGQUERY_TYPES = {
    "string": "STRING",
    "bytes": "BYTES",
    "bool": "BOOLEAN",
    "int32": "INTEGER",
    "int64": "INTEGER",
    "float32": "FLOAT",
    "float64": "FLOAT",
    "timestamp": "TIMESTAMP",
}


@dataclass(frozen=True)
class Column:
    """One column; ``fields`` makes it a struct, ``repeated`` a list."""

    name: str
    type: str  # a key of _BIGQUERY_TYPES, or "struct"
    description: str
    nullable: bool = False
    repeated: bool = False
    fields: tuple["Column", ...] = ()
    vector: bool = False  # a repeated float32 whose length is the embedding's dimension


@dataclass(frozen=True)
class Table:
    """One table: its columns, its row identity and the time its date partition is made of."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]  # columns that together name a row
    partition_by: str  # timestamp column whose UTC date is the hive partition "date"

    def arrow_schema(self, dim: int) -> "pa.Schema":
        """Build the Arrow schema with vectors of ``dim`` float32."""
        import pyarrow as pa

        return pa.schema([_arrow_field(column, dim) for column in self.columns])

    def bigquery_schema(self) -> list[dict[str, Any]]:
        """Build the table schema in the form BigQuery's REST interface takes."""
        return [_bigquery_field(column) for column in self.columns]


def _arrow_field(column: Column, dim: int) -> "pa.Field":
    import pyarrow as pa

    scalar: Any
    if column.type == "struct":
        scalar = pa.struct([_arrow_field(field, dim) for field in column.fields])
    elif column.type == "timestamp":
        scalar = pa.timestamp("us", tz="UTC")
    elif column.type == "bytes":
        scalar = pa.binary()
    elif column.type == "bool":
        scalar = pa.bool_()
    else:
        scalar = getattr(pa, column.type)()
    if column.vector:
        scalar = pa.list_(pa.field("element", scalar, nullable=False), dim)
    elif column.repeated:
        scalar = pa.list_(pa.field("element", scalar, nullable=False))
    metadata = {b"description": column.description.encode()}
    return pa.field(column.name, scalar, nullable=column.nullable, metadata=metadata)


def _bigquery_field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": "RECORD" if column.type == "struct" else _BIGQUERY_TYPES[column.type],
        "mode": "REPEATED" if column.repeated else "NULLABLE" if column.nullable else "REQUIRED",
        "description": column.description,
    }
    if column.fields:
        field["fields"] = [_bigquery_field(inner) for inner in column.fields]
    return field


def _text(name: str, description: str, nullable: bool = False) -> Column:
    return Column(name, "string", description, nullable=nullable)


def _texts(name: str, description: str) -> Column:
    return Column(name, "string", description, repeated=True)


def _time(name: str, description: str, nullable: bool = False) -> Column:
    return Column(name, "timestamp", description, nullable=nullable)


def _count(name: str, description: str) -> Column:
    return Column(name, "int32", description)


def _share(name: str, description: str, nullable: bool = False) -> Column:
    return Column(name, "float32", description, nullable=nullable)


def _vector(name: str, description: str) -> Column:
    return Column(name, "float32", description, repeated=True, vector=True)


_ROUND = Column(
    "round", "int64", "Of a run that goes on: the round that wrote this row; 0 of one that ends."
)
_SCHEMA_VERSION = _text("schema_version", "Version of this table's contract.")
_EMBEDDING_MODEL = _text("embedding_model", "Name, weights' hash and dimension of the encoder.")

ARTICLES = Table(
    name="articles",
    description="One row per article and revision.",
    key=("article_id", "revision"),
    partition_by="event_time",
    columns=(
        _text("article_id", "Hash of the canonical URL, or of the text when there is no URL."),
        _count("revision", "1 for the first text seen, one more for each changed text."),
        _text("url", "Address as given; for a file its URI."),
        _text("canonical_url", "Address after the versioned canonical rules; for a file its URI."),
        _text("source_name", "Name of the feed or site, if known.", nullable=True),
        _text("domain", "Host without www., if known.", nullable=True),
        _text(
            "publisher_family",
            "Registered domain of its address, feed or sender; else the source; or unknown.",
        ),
        _text("origin_publisher", "Publisher an aggregator names as origin.", nullable=True),
        _text("feed_url", "Feed it came from, secrets redacted.", nullable=True),
        _text(
            "input_kind", "rss, atom, json_feed, news_sitemap, txt, html, json, jsonl, eml or warc"
        ),
        _text("title", "Headline as plain text."),
        _text("description", "Standfirst or summary as plain text.", nullable=True),
        _text("body", "Main text; paragraphs parted by one empty line.", nullable=True),
        _texts("authors", "Names as given."),
        _text("image_url", "Lead image.", nullable=True),
        _text("language", "ISO 639-1 code, or und when not certain."),
        _share("language_confidence", "Probability of the language, 0 to 1."),
        _count("word_count", "Words of the body."),
        _time(
            "published_at",
            "When the publisher says it appeared; for a dropped file without any date the time of "
            "the file (published_at_source file_mtime), which decides nothing.",
            nullable=True,
        ),
        _text(
            "published_at_source",
            "Where that date was found: feed, sitemap, html_meta, json_ld, json, eml, url, text, "
            "file_mtime or none.",
        ),
        _text("published_at_precision", "second, minute, day or none."),
        _text("published_at_flag", "ok, future, too_old, tz_unknown, missing or unparsable."),
        _time(
            "first_seen_at",
            "When this system first had it; for a file its modification time, but never after the "
            "run nor before its publication.",
        ),
        _time("event_time", "published_at when it can be trusted, else first_seen_at."),
        _text("extraction_method", "How the text was found."),
        _text("access_state", "open, paywall, consent_wall, blocked, feed_only or unknown."),
        _text("content_hash", "SHA-256 of the normalised title and body."),
        _text("dup_kind", "none, exact_text, near_verbatim or contained."),
        _text("dup_of", "article_id of the original.", nullable=True),
        _share("dup_score", "Measured overlap with the original, 0 to 1.", nullable=True),
        _text("dup_evidence", "What was compared and found.", nullable=True),
        _text("event_id", "Event it was put in; event_articles says where it is now."),
        _share("event_score", "Probability that it belongs there, 0 to 1."),
        _text("event_evidence", "Channels, values and margin to the second-best event."),
        Column("time_known", "bool", "event_time is more than the time of a dropped file."),
        Column("backfill", "bool", "Came with the first answer of its feed, or after an outage."),
        Column("usual_rate", "float64", "Articles an hour usual for its publisher at that hour."),
        Column("usual_rate_hours", "float64", "Hours of looking at the publisher it rests on."),
        Column(
            "novelty", "float64", "1 less the cosine of the nearest article then in another event."
        ),
        Column("own_text", "bool", "Less than 0.8 of it was in one article of its event then."),
        Column("sequence", "int64", "Place in the order in which articles were decided on."),
        _vector("embedding", "Unit vector of title and lead."),
        _EMBEDDING_MODEL,
        _ROUND,
        _SCHEMA_VERSION,
    ),
)

EVENTS = Table(
    name="events",
    description="One row per event and revision.",
    key=("event_id", "revision"),
    partition_by="first_seen_at",
    columns=(
        _text("event_id", "Hash of the seed article's id; never reused."),
        _count("revision", "1 for the first state written, one more for each material change."),
        _text("status", "active, merged into another, or closed when quiet for the window."),
        _text("merged_into", "Surviving event; only with status merged.", nullable=True),
        _text("title", "Headline of the representative article, without the site's name."),
        _text("summary", "At most two sentences of its articles, one to a line.", nullable=True),
        _texts(
            "summary_article_ids",
            "The article of each sentence of the summary, in order; twice the same when both are "
            "of one.",
        ),
        _text(
            "representative_article_id",
            "The article whose title most agree with, near the middle and plain.",
        ),
        Column(
            "keywords",
            "struct",
            "Terms that set this event apart, heaviest first; forms of one word once.",
            repeated=True,
            fields=(_text("term", "Word."), _share("weight", "TF-IDF weight.")),
        ),
        Column(
            "entities",
            "struct",
            "Names found in its originals, most frequent first; short and full form as one.",
            repeated=True,
            fields=(_text("text", "Name."), _count("count", "Originals that name it.")),
        ),
        Column(
            "languages",
            "struct",
            "Languages of its articles.",
            repeated=True,
            fields=(_text("code", "ISO 639-1."), _count("count", "Articles.")),
        ),
        _time("first_published_at", "Earliest trusted publication time.", nullable=True),
        _time("first_seen_at", "Earliest event time of its dated articles."),
        _time("last_seen_at", "Latest event time of its dated articles."),
        _time("updated_at", "Event time of the change this revision records."),
        _count("article_count", "Articles, copies included."),
        _count("unique_article_count", "Articles that are not copies."),
        _count("duplicate_count", "Copies."),
        _count("publisher_family_count", "Different publisher families."),
        _count("correction_count", "Articles that say they were corrected."),
        _count("retraction_count", "Articles that were taken back, or whose page is gone."),
        _share("source_diversity", "Entropy of articles over families, 0 to 1."),
        _count("articles_15m", "Articles in the 15 minutes before counts_as_of."),
        _count("articles_60m", "Articles in the 60 minutes before counts_as_of."),
        _count("families_60m", "Publisher families in the 60 minutes before counts_as_of."),
        _time("counts_as_of", "The instant the counts and the breaking state refer to."),
        _text("breaking_state", "none, candidate, breaking, developing or fading."),
        _time("breaking_since", "When the event became breaking.", nullable=True),
        Column(
            "breaking_score",
            "float64",
            "0 to 1, when it broke, or else the highest so far; from 0.5 on it breaks when all "
            "required terms pass.",
        ),
        Column(
            "breaking_reasons",
            "struct",
            "Every term of the score, as measured when breaking_score was reached.",
            repeated=True,
            fields=(
                _text("code", "Name of the term."),
                Column("value", "float64", "Measured."),
                Column("threshold", "float64", "Needed."),
                Column("passed", "bool", "Whether it was reached."),
            ),
        ),
        _text(
            "alert_id",
            "Names its alert: the event that broke, this one or the first that was merged into it.",
            nullable=True,
        ),
        _share("novelty", "1 less the cosine of its first article to the nearest earlier one."),
        _share("cohesion_mean", "Mean cosine of members to the centroid."),
        _share("cohesion_min", "Lowest cosine of a member to the centroid."),
        Column("contested", "bool", "Some assignment lay close to the threshold."),
        _vector("centroid", "Unit vector of the event."),
        _EMBEDDING_MODEL,
        _ROUND,
        _SCHEMA_VERSION,
    ),
)

EVENT_ARTICLES = Table(
    name="event_articles",
    description="One row per article revision that came into an event or left one.",
    key=("event_id", "article_id", "revision", "sequence"),
    partition_by="joined_at",
    columns=(
        _text("event_id", "Event."),
        _text("article_id", "Article."),
        _count("revision", "Revision of the article."),
        _time("joined_at", "Event time of joining."),
        _time("left_at", "Event time of leaving; null while it belongs.", nullable=True),
        _text("role", "seed, member, duplicate or update."),
        _share("score", "Probability that it belongs, 0 to 1, as it was when it joined."),
        _text("evidence", "Why it joined; once it left, why it left."),
        Column("contested", "bool", "The probability lay close to the threshold."),
        _share("threshold", "Least probability to join, 0 to 1; 0 when the model was not asked."),
        _text("best_event_id", "Candidate that was judged, joined or not.", nullable=True),
        _share("best_score", "Probability that it belongs to that one, 0 to 1."),
        _text("second_event_id", "Candidate that came next.", nullable=True),
        _share("second_score", "Probability that it belongs there, had the best not been."),
        Column("votes", "bool", "It belongs to the second event as well: speaks for a merge."),
        Column(
            "sequence",
            "int64",
            "The decision that made this row, of all articles in order; the greatest counts.",
        ),
        Column(
            "channels",
            "struct",
            "What was measured of the two candidates, in the order of the model.",
            repeated=True,
            fields=(
                _text("name", "Name of the channel."),
                Column("best", "float32", "Measured of the best candidate."),
                Column("second", "float32", "Measured of the second; 0 when there was none."),
            ),
        ),
        _ROUND,
        _SCHEMA_VERSION,
    ),
)

EVENT_CHANGES = Table(
    name="event_changes",
    description="Append-only log of what happened to events, as CloudEvents 1.0.",
    key=("id",),
    partition_by="time",
    columns=(
        _text("id", "Hash of subject, type and time."),
        _text("source", "Always /newsevents."),
        _text("specversion", "Always 1.0."),
        _text(
            "type",
            "org.newsevents.event.created, .updated, .breaking, .corrected, "
            ".retracted, .merged or .closed.",
        ),
        _text("subject", "event_id."),
        _time("time", "Event time of the change."),
        _text("data", "JSON object with the details."),
        _ROUND,
        _SCHEMA_VERSION,
    ),
)

DEAD_LETTERS = Table(
    name="dead_letters",
    description="One row per item that could not be processed.",
    key=("stage", "key", "reason", "first_failed_at", "payload_sha256"),
    partition_by="first_failed_at",
    columns=(
        _text("stage", "Stage that refused it."),
        _text("key", "Names the item; secrets redacted."),
        _text("reason", "Stable code."),
        _text("error", "What is wrong, and the fix where there is one."),
        Column("payload", "bytes", "The item itself, at most 64 KiB."),
        _text("payload_sha256", "Of the whole payload."),
        _time("first_failed_at", "When the item was received."),
        Column("replayable", "bool", "Whether trying again may succeed."),
        _ROUND,
        _SCHEMA_VERSION,
    ),
)

SIGHTINGS = Table(
    name="sightings",
    description="What is remembered of the articles seen, for a run that goes on from here.",
    key=("article_id", "revision", "seen_at"),
    partition_by="seen_at",
    columns=(
        _text("article_id", "Article."),
        _count("revision", "Revisions it had by then."),
        _text("identity_key", "Domain, or start of the text hash, under which it is looked up."),
        _time("seen_at", "When an entry last told of it."),
        Column("state", "bytes", "Names, hashes and samples of its texts."),
        _ROUND,
        _SCHEMA_VERSION,
    ),
)

FETCH_LOG = Table(
    name="fetch_log",
    description="One row per request for a feed: what came, and when it is asked for again.",
    key=("feed_id", "fetched_at"),
    partition_by="fetched_at",
    columns=(
        _text("feed_id", "Hash of the feed's address as listed."),
        _text("feed", "The feed's address as listed; secrets redacted."),
        _time("fetched_at", "When the answer came."),
        _text("outcome", f"{', '.join(OUTCOMES[:-1])} or {OUTCOMES[-1]}."),
        _text("error", "What was wrong, and the fix where there is one.", nullable=True),
        _text("url", "Address that answered, after redirects; secrets redacted."),
        Column("http_status", "int32", "Of the answer; null without one.", nullable=True),
        Column("received_bytes", "int64", "Of the answer's body, as they came."),
        _count("entries", "Items in the answer: kept, known and dropped ones; 0 when it was the "
               "same as the last one, which is not looked at again."),
        _count("kept", "Items that this feed had not shown before."),
        _count("known", "Items that it had."),
        Column("dropped", "struct", "Items that became no entry, by reason.", repeated=True,
               fields=(_text("reason", "Stable code, as in dead_letters."),
                       _count("count", "Items."))),
        _count("deleted", "Items the feed says were taken back (at:deleted-entry)."),
        _count("failures", "Failures in a row, with this one."),
        _time("next_at", "When the feed is asked for again."),
        Column("interval_seconds", "float64", "From fetched_at to next_at."),
        _text("interval_reason", "What decided on that interval."),
        Column("state", "bytes", "What a run that goes on needs to know of the feed."),
        _ROUND,
        _SCHEMA_VERSION,
    ),
)  # fmt: skip

ALERTS = Table(
    name="alerts",
    description="One row per revision of an alert for a sink as it was planned, and one more when "
    "it was settled; what has no second row is still to be sent.",
    key=("sink", "alert_id", "revision", "outcome"),
    partition_by="planned_at",
    columns=(
        _text("sink", "Name in the file of alerts."),
        _text("alert_id", "The same for ever, also when its event is merged into another."),
        _count("revision", "1 for the first that this sink was to be sent of it."),
        _text("outcome", f"{', '.join(ALERT_OUTCOMES[:-1])} or {ALERT_OUTCOMES[-1]}."),
        _text("key", "Hash of sink, alert_id and revision: the Idempotency-Key, webhook-id and id "
              "of the CloudEvent."),
        _text("type", "org.newsevents.alert.breaking, .updated or .ended."),
        _texts("why", "What made it worth telling, as codes."),
        _text("event_id", "Event it is about, as of this revision."),
        _texts("previous_event_ids", "Events that were merged into that one since the alert."),
        _count("event_revision", "Revision of the event it tells of."),
        _text("state", "The event's breaking_state then."),
        _text("title", "The event's title then."),
        _count("publisher_family_count", "Publisher families of the event then."),
        _count("correction_count", "Articles of the event corrected by then."),
        _count("retraction_count", "Articles of the event taken back by then."),
        _time("planned_at", "Event time of what it tells: the event's counts_as_of."),
        _text("format", f"{' or '.join(ALERT_FORMATS)}."),
        _text("body", "What is sent, to the byte; null once it is settled.", nullable=True),
        _count("attempts", "Requests made by the run that settled it."),
        _time("settled_at", "When it was delivered or given up; null until then.", nullable=True),
        _text("reason", "Why it failed, as a stable code.", nullable=True),
        _text("error", "The same in words, with the fix where there is one.", nullable=True),
        _ROUND,
        _SCHEMA_VERSION,
    ),
)  # fmt: skip

ARTICLE_NOTICES = Table(
    name="article_notices",
    description="One row per article and kind of notice: that it was corrected or taken back.",
    key=("article_id", "kind", "noticed_at"),
    partition_by="noticed_at",
    columns=(
        _text("article_id", "Article."),
        _text("kind", f"{', '.join(NOTICE_KINDS[:-1])} or {NOTICE_KINDS[-1]} (HTTP 404 or 410)."),
        _time("noticed_at", "When the publisher says it happened, else when it was seen."),
        _text("evidence", "What said so; secrets redacted."),
        _ROUND,
        _SCHEMA_VERSION,
    ),
)

TABLES = (
    ARTICLES, EVENTS, EVENT_ARTICLES, EVENT_CHANGES, DEAD_LETTERS, SIGHTINGS, FETCH_LOG, ALERTS,
    ARTICLE_NOTICES,
)  # fmt: skip

# In BigQuery only, where a folder has run.json.
RUNS = Table(
    name="runs",
    description="One row per round that counts: rows of other rounds were left by a run that was "
    "cut off, and the views pass over them.",
    key=("round",),
    partition_by="committed_at",
    columns=(
        Column("round", "int64", "Number of the round; 0 for a run without rounds."),
        _time("committed_at", "When it was added, by the clock of the run."),
        _text("digest", "Names the input and options of a run that ends; null for others.",
              nullable=True),
        _text("document", "JSON object: options, versions and counts, as in run.json."),
        _SCHEMA_VERSION,
    ),
)  # fmt: skip
