from datetime import datetime, timezone

import pytest

from schemas import Page
from transforms.normalise.notices import own_notices, title_notice

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "title",
    [
        "CORRECTED: Weir at Talmere gave way at noon",
        "Correction: Talmere Weir story",
        "Corrected - Weir gave way",
        "[Corrected] Weir gave way",
        "(CORRECTION) Weir gave way",
        "Weir gave way (corrected)",
        "Weir gave way [Corrected version]",
        "Weir gave way - CORRECTED",
        "*CORRECTED* Weir gave way",
        "Weir gave way *CORRECTED*",
        "UPDATE: Correction: Weir gave way",
        "UPDATE 2: CORRECTED: Weir gave way",
        "[UPDATED, CORRECTED] Weir gave way",
        "Weir gave way (updated, corrected)",
        "CORRECTED-UPDATE 2-Weir gave way at noon",
        "UPDATE 1-CORRECTED-Weir gave way at noon",
        "REFILE-CORRECTED-Weir gave way",
        "Berichtigung: Wehr in Talmere gebrochen",
        "KORREKTUR: Wehr gebrochen",
        "Wehr gebrochen (korrigiert)",
        "Rectificatif : le barrage de Talmere a cédé",
        "Le barrage a cédé [corrigé]",
        "Corrección: la presa cedió al mediodía",
        "Fe de errores: la presa de Talmere",
        "Correzione: la diga ha ceduto",
        "Errata: a barragem cedeu",
        "Rectificatie: stuw bezweken",
        "Исправлено: плотина прорвана",
    ],
)
def test_a_mark_apart_from_the_headline_says_corrected(title):
    assert title_notice(title) == "corrected"


@pytest.mark.parametrize(
    "title",
    [
        "RETRACTED: Study of Talmere weir",
        "Retraction: Talmere Weir story",
        "Retraction notice: Study of weirs",
        "RETRACTED-Weir gave way at noon",
        "Study of weirs – RETRACTED",
        "*RETRACTED* Study of weirs",
        "Study of weirs [Retracted]",
        "Study of weirs (retracted)",
        "Rétractation : le barrage de Talmere",
        "Retractación: la presa de Talmere",
    ],
)
def test_a_mark_apart_from_the_headline_says_retracted(title):
    assert title_notice(title) == "retracted"


@pytest.mark.parametrize(
    "title",
    [
        "Market correction deepens as shares fall",
        "Market correction: what it means for savers",
        "Corrections officer charged with theft",
        "Department of Corrections: two escape",
        "Corrections: 3 March 2026",
        "Journal retracts study on weirs",
        "Retraction of weir study demanded",
        "Minister withdraws remark on weirs",
        "Offer withdrawn after weir gave way",
        "Bidder: offer was withdrawn",
        "Corrected figures show smaller harvest",
        "A correction-free draft is rare, says editor",
        "How we handle corrections",
        "Mayor says paper ran no correction",
        "Kurs-Korrektur der Regierung",
        "Regierung plant Korrektur am Haushalt",
        "Rettifica del bilancio approvata",
        "Correction",
        "UPDATE 1-Shares enter correction",
        "UPDATE: Harbour closed",
        "[UPDATED] Harbour closed",
        "",
    ],
)
def test_a_story_about_corrections_is_not_corrected(title):
    assert title_notice(title) == ""


@pytest.mark.parametrize(
    "title",
    [
        "Withdrawn: the nominee for the high court",
        "Withdrawn - candidate quits race",
        "WITHDRAWN: Weir gave way",
        "WITHDRAWN-Weir gave way at noon",
        "Derby favourite [withdrawn]",
        "Troops (withdrawn) from Talmere",
        "Bill to close weirs - withdrawn",
        "Nominee pulls out of race – withdrawn",
        "Bill to close weirs - WITHDRAWN",
        "Zurückgezogen: Gesetz über Wehre",
        "Zurückziehung: Antrag der Stadt",
        "Ingetrokken: vergunning voor de stuw",
        "Отозвано: лицензия завода",
        "Clarification: what the new tax means",
        "CLARIFICATION-New tax",
        "Landing gear - retracted",
        "Landing gear – Retracted",
        "Your vision - corrected",
        "Coin | corrected",
        "Old maps / corrected",
        "Your vision *corrected*",
    ],
)
def test_a_word_that_news_uses_of_other_things_is_no_mark(title):
    assert title_notice(title) == ""


def test_an_overlong_title_is_looked_at_in_part():
    assert title_notice("(" * 5_000_000) == ""


def page(outcome):
    return Page("https://a.example/1", "", "", "feed_only", outcome, NOON)


@pytest.mark.parametrize("status", ["404", "410"])
def test_a_page_that_is_gone_is_noted_when_it_was_asked_for(status):
    (notice,) = own_notices("a", "Weir gave way", page(f"http_{status}"), NOON)
    assert (notice.kind, notice.noticed_at) == ("gone", NOON)
    assert notice.evidence == f"HTTP {status} https://a.example/1"


@pytest.mark.parametrize("outcome", ["fetched", "http_403", "http_451", "http_503", "front_page"])
def test_no_other_answer_says_that_a_page_is_gone(outcome):
    assert own_notices("a", "Weir gave way", page(outcome), NOON) == ()


def test_evidence_is_short():
    (notice,) = own_notices("a", "CORRECTED: " + "weir " * 400, None, NOON)
    assert len(notice.evidence) == 300
