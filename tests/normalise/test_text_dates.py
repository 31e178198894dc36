from datetime import datetime, timezone

import pytest

from transforms.normalise.text_dates import find_text_date, find_url_date

RECEIVED_AT = datetime(2026, 3, 5, 12, 0, tzinfo=timezone.utc)
PROSE = "The council voted to close the old bridge, and ferries will run every ten minutes."


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        ("June 12, 2014 1:05 p.m. ET", "2014-06-12 17:05"),
        ("June 21, 2014 by Ann Miller – Town Post – There is more news", "2014-06-21 00:00"),
        ("Submitted by Ann Miller on 06/13/2014 08:09 -0400", "2014-06-13 12:09"),
        ("By Ann Miller | June 12, 2014", "2014-06-12 00:00"),
        ("By Ann Miller, June 12, 2014", "2014-06-12 00:00"),
        ("Published: 12 June 2014, 13:05 GMT", "2014-06-12 13:05"),
        ("Posted on June 12, 2014 by admin", "2014-06-12 00:00"),
        ("Date: Thu, 12 Jun 2014 10:00:00 +0000", "2014-06-12 10:00"),
        ("LONDON, 3 March 2026 — A bridge", "2026-03-03 00:00"),
        ("LONDON (Example) - 3 March 2026 - A bridge", "2026-03-03 00:00"),
        ("BEIRUT, Lebanon, June 12, 2014 — A bridge", "2014-06-12 00:00"),
        ("London, 3 March 2026 – A bridge", "2026-03-03 00:00"),
        ("BERLIN, 12. Juni 2014 (dpa) - Die Brücke", "2014-06-12 00:00"),
        ("Von Anna Müller, 12. Juni 2014", "2014-06-12 00:00"),
        ("Publié le 12 juin 2014 à 13h05", "2014-06-12 13:05"),
        ("Par Anne Meunier le 12 juin 2014", "2014-06-12 00:00"),
        ("Publicado el 12 de junio de 2014", "2014-06-12 00:00"),
        ("2026-03-01", "2026-03-01 00:00"),
        ("(12 June 2014)", "2014-06-12 00:00"),
        ("Dec. 5, 2018 / 8:32 PM GMT / By Ann Miller", "2018-12-05 20:32"),
    ],
)
def test_a_dateline_is_found(line, utc):
    for body in (line, f"{PROSE}\n\n{line}\n\n{PROSE}"):
        found = find_text_date(body, RECEIVED_AT)
        assert found is not None
        assert found.at == datetime.fromisoformat(utc).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "line",
    [
        "on June 12, 2014 he was arrested",
        "June 12, 2014 was the day on which the bridge closed",
        "June 12, 2014, was the day",
        "By June 12, 2014 the army had crossed the river",
        "By the river on June 12, 2014 he said",
        "The treaty of 12 June 2014",
        "WASHINGTON — June 12, 2014 was a day to remember",
        "Updated June 12, 2014",
        "03/04/2014",
        "12 June",
        "30 February 2014",
        "12 June 1944",
        "12 June 2031",
        "0001-01-01 00:00 +05:00",
    ],
)
def test_a_date_of_the_story_is_not_its_dateline(line):
    assert find_text_date(f"{line}\n\n{PROSE}", RECEIVED_AT) is None


def test_only_the_top_of_a_text_is_looked_at():
    dated = "12 June 2014"
    assert find_text_date("\n\n".join(["Short line"] * 5 + [dated]), RECEIVED_AT) is not None
    assert find_text_date("\n\n".join(["Short line"] * 6 + [dated]), RECEIVED_AT) is None
    assert find_text_date(f"{PROSE * 9}\n\n{dated}", RECEIVED_AT) is None


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://town.example/2014/06/12/bridge", "2014-06-12"),
        ("https://town.example/world/2014/jun/12/bridge", "2014-06-12"),
        ("https://town.example/2014-06-12-bridge.html", "2014-06-12"),
        ("https://town.example/2014/6/2", "2014-06-02"),
        ("https://town.example/2014/13/12/bridge", None),
        ("https://town.example/2014/02/30/bridge", None),
        ("https://town.example/2031/06/12/bridge", None),
        ("https://town.example/12014/06/12", None),
        ("https://town.example/2014/06", None),
        ("https://town.example/bridge?on=2014/06/12", None),
        ("file:///archive/2014/06/12/bridge.txt", None),
        ("https://[broken/2014/06/12", None),
    ],
)
def test_a_day_in_an_address_is_found(url, day):
    found = find_url_date(url, RECEIVED_AT)
    assert (found and found.strftime("%Y-%m-%d")) == day
