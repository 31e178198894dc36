"""What an article says of itself: that it was corrected or taken back, or that its page is gone."""

import re
from datetime import datetime

from schemas import Notice, Page
from schemas.notice import CORRECTED, GONE, MAX_EVIDENCE_CHARS, RETRACTED

_GONE = {"http_404": "404", "http_410": "410"}  # outcomes of fetching a page
_MAX_TITLE_CHARS = 1000

# Marks as publishers write them before or after a headline, in the languages of the rules for
# titles. A plural ("Corrections:") names a column or a prison service, so none is here; nor is
# "withdrawn", which is said of troops, bills and horses, or "clarification", which takes nothing
# back.
_CORRECTED_NOUNS = (
    "correction|erratum|corrigendum|"
    "berichtigung|korrektur|richtigstellung|rectificatif|rectification|"
    "corrección|rectificación|fe de err(?:ores|atas)|correzione|rettifica|errata corrige|"
    "correção|retificação|errata|correctie|rectificatie|исправление"
)
_CORRECTED_VERBS = (
    "corrected|korrigiert|berichtigt|corrigée?|rectifiée?|corregid[oa]|rectificad[oa]|"
    "corrett[oa]|rettificat[oa]|corrigid[oa]|gecorrigeerd|gerectificeerd|исправлено"
)
_RETRACTED_NOUNS = (
    "retraction|retraction not(?:e|ice)|rétractation|retractación|ritrattazione|retratação|"
    "retractatie"
)
_RETRACTED_VERBS = "retracted|retracted article|rétractée?|retractad[oa]|ritrattat[oa]"
_SIGN = r"\s?(?:[:：|»]|[-–—]\s)"


_UPDATED = r"(?:updated?(?: \d{1,2})?"  # begins an optional group


def _marks(nouns: str, verbs: str) -> re.Pattern[str]:
    before = rf"[(\[]\s?{_UPDATED}\s?[,;/&+]\s?)?"  # "[Updated, corrected]"
    return re.compile(
        # "Correction: Harbour story", "UPDATE: Correction: Harbour story"
        rf"^[^\w(\[]*{_UPDATED}{_SIGN}\s?)?(?:{nouns}|{verbs}){_SIGN}\s?\S"
        rf"|^\W*{before}(?:{nouns}|{verbs})\s?[)\]]"  # "[Corrected] Harbour closed"
        rf"|{before}(?:{nouns}|(?:{verbs})(?: version)?)\s?[)\]]\W*$",
        re.IGNORECASE,
    )


def _loud_marks(nouns: str, verbs: str) -> re.Pattern[str]:
    """Match marks that only stand apart from the headline when they are in capitals."""
    nouns, verbs = nouns.upper(), verbs.upper()
    return re.compile(
        rf"\s[-–—|/]\s?(?:{verbs})\W?$"  # "Harbour closed - CORRECTED"
        rf"|^\W*\*\s?(?:{nouns}|{verbs})\s?\*"  # "*CORRECTED* Harbour closed"
        rf"|\*\s?(?:{nouns}|{verbs})\s?\*\W*$"
    )


# Of agencies: "CORRECTED-UPDATE 2-Harbour closed", "UPDATE 1-CORRECTED-", "REFILE-CORRECTED-".
_SLUG = r"^(?:[A-Z]{3,10}(?: \d{1,2})?-){0,3}"
_KINDS = (
    (RETRACTED, _marks(_RETRACTED_NOUNS, _RETRACTED_VERBS)),
    (RETRACTED, _loud_marks(_RETRACTED_NOUNS, _RETRACTED_VERBS)),
    (CORRECTED, _marks(_CORRECTED_NOUNS, _CORRECTED_VERBS)),
    (CORRECTED, _loud_marks(_CORRECTED_NOUNS, _CORRECTED_VERBS)),
    (RETRACTED, re.compile(rf"{_SLUG}(?:RETRACTED|RETRACTION)-(?=\S)")),
    (CORRECTED, re.compile(rf"{_SLUG}(?:CORRECTED|CORRECTION)-(?=\S)")),
)


def title_notice(title: str) -> str:
    """Say of which kind of notice a headline bears the mark; "" when it bears none.

    It must never take a story about corrections for a corrected story: only a mark that stands
    apart from the headline, in front of it or behind it, counts.
    """
    title = title[:_MAX_TITLE_CHARS]
    return next((kind for kind, marks in _KINDS if marks.search(title)), "")


def own_notices(
    article_id: str, title: str, page: Page | None, noticed_at: datetime
) -> tuple[Notice, ...]:
    """Give what an article's title and the fetching of its page say of it.

    Args:
        noticed_at: when the title came to be so.
    """
    notices = []
    if kind := title_notice(title):
        evidence = f'title: "{title}"'[:MAX_EVIDENCE_CHARS]
        notices.append(Notice(article_id, kind, noticed_at, evidence))
    if page is not None and (status := _GONE.get(page.outcome)):
        evidence = f"HTTP {status} {page.url}"[:MAX_EVIDENCE_CHARS]
        notices.append(Notice(article_id, GONE, page.fetched_at, evidence))
    return tuple(notices)
