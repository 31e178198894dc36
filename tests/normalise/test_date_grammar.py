from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.normalise.date_grammar import parse_date


@pytest.mark.parametrize(
    ("written", "utc", "precision", "zone_known"),
    [
        ("2014-06-12T13:05:09Z", "2014-06-12 13:05:09", "second", True),
        ("2014-06-12T13:05:09.123456+02:00", "2014-06-12 11:05:09", "second", True),
        ("2014-06-12T13:05:09+0530", "2014-06-12 07:35:09", "second", True),
        ("2014-06-12T13:05Z", "2014-06-12 13:05:00", "minute", True),
        ("2014-06-12 13:05:09", "2014-06-12 13:05:09", "second", False),
        ("2014-06-12", "2014-06-12 00:00:00", "day", True),
        ("2014/6/12", "2014-06-12 00:00:00", "day", True),
        ("20140612", "2014-06-12 00:00:00", "day", True),
        ("20140612T130509Z", "2014-06-12 13:05:09", "second", True),
        ("Thu, 12 Jun 2014 13:05:09 GMT", "2014-06-12 13:05:09", "second", True),
        ("Thu, 12 Jun 2014 13:05:09 +0000 (UTC)", "2014-06-12 13:05:09", "second", True),
        ("Thu, 12 Jun 14 13:05 EDT", "2014-06-12 17:05:00", "minute", True),
        ("Thu,12 Jun 2014 4:5:9 GMT+9", "2014-06-11 19:05:09", "second", True),
        ("12 Jun 1999 13:05:09 -0700", "1999-06-12 20:05:09", "second", True),
        ("Thu Jun 12 13:05:09 2014", "2014-06-12 13:05:09", "second", False),
        ("Thu Jun 12 13:05:09 UTC 2014", "2014-06-12 13:05:09", "second", True),
        ("1402578309", "2014-06-12 13:05:09", "second", True),
        ("1402578309000", "2014-06-12 13:05:09", "second", True),
        ("June 12, 2014 1:05 p.m. ET", "2014-06-12 17:05:00", "minute", True),
        ("January 12, 2014 1:05 p.m. ET", "2014-01-12 18:05:00", "minute", True),
        ("12 June 2014 13:05 BST", "2014-06-12 12:05:00", "minute", True),
        ("12 June 2014 13:05 CET", "2014-06-12 12:05:00", "minute", True),
        ("12 June 2014 13:05 IST", "2014-06-12 13:05:00", "minute", False),
        ("June 12th, 2014", "2014-06-12 00:00:00", "day", True),
        ("Thursday, 12th of June 2014", "2014-06-12 00:00:00", "day", True),
        ("12-Jun-2014", "2014-06-12 00:00:00", "day", True),
        ("12 June 2014, 12:30 am",
         "2014-06-12 00:30:00", "minute", False),
        ("12. Juni 2014 um 13:05 Uhr", "2014-06-12 13:05:00", "minute", False),
        ("13.06.2014, 14.30 Uhr", "2014-06-13 14:30:00", "minute", False),
        ("jeudi 12 juin 2014 à 13h05", "2014-06-12 13:05:00", "minute", False),
        ("12 de junio de 2014", "2014-06-12 00:00:00", "day", True),
        ("06/13/2014 08:09 -0400", "2014-06-13 12:09:00", "minute", True),
        ("13/06/2014", "2014-06-13 00:00:00", "day", True),
        ("06/06/2014", "2014-06-06 00:00:00", "day", True),
        ("2014年6月12日", "2014-06-12 00:00:00", "day", True),
        ("2016-12-31T23:59:60Z", "2016-12-31 23:59:59", "second", True),
    ],
)  # fmt: skip
def test_a_date_written_in_full_is_read(written, utc, precision, zone_known):
    found = parse_date(written)
    assert found is not None
    assert found.at == datetime.fromisoformat(utc).replace(tzinfo=timezone.utc)
    assert (found.precision, found.zone_known) == (precision, zone_known)


@pytest.mark.parametrize(
    "written",
    [
        "", "10", "2014", "March", "Tuesday", "June 2014", "12 June", "13:05", "now", "yesterday",
        "2 hours ago", "2014-06", "03/04/2014", "3.4.2014", "2014-02-30", "2014-13-01",
        "2014-06-12T25:00:00Z", "13 June 2014 13:05 pm", "31 April 2014 10:00 GMT", "99999999999",
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "12 Foo 2014 10:00",
        "June 12, 2014 or later", "1" * 5000,
    ],
)  # fmt: skip
def test_what_is_incomplete_ambiguous_or_impossible_is_refused(written):
    assert parse_date(written) is None


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_without_an_error(text):
    found = parse_date(text)
    assert found is None or found.at.tzinfo is timezone.utc


@settings(deadline=None)  # the machine may be busy
@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))
def test_what_a_machine_writes_comes_back(at):
    at = at.replace(microsecond=0, tzinfo=timezone.utc)
    assert parse_date(at.isoformat()).at == at
    assert parse_date(at.strftime("%a, %d %b %Y %H:%M:%S GMT")).at == at
