"""What makes a title or a sentence a poor witness: all lists of words are in this one file.

Structure comes first: marks, capitals, length. The lists are short and for the languages that
the sites write most: English, German, French, Spanish, Italian, Portuguese, Dutch, Russian.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from transforms._shared.scripts import has_capitals
from transforms.cluster.languages import count_signs

# Penalties, on the scale of a title's agreement with the others, where 1 is the greatest.
PENALTIES = {
    "question": 0.5,  # asks
    "listicle": 0.5,  # "7 things to know about"
    "label": 0.5,  # LIVE:, Opinion |, [VIDEO]
    "teaser": 0.4,  # tells that it has something to tell
    "truncated": 0.4,  # its end is missing
    "shouting": 0.4,  # mostly or in long words in capitals
    "quote": 0.3,  # opens with what somebody said, or is nothing else
    "exclamation": 0.2,
    "comment": 0.2,  # two sentences: the second is a remark
    "short": 0.4,
    "long": 0.3,
}
_LEAST_WORDS, _MOST_WORDS = 4, 20
_LEAST_CHARS, _MOST_CHARS = 12, 140

_QUESTION = re.compile(r"[?？؟\u037e⁇]")
_COMMENT = re.compile(r"[^\W\d_]{4,}[.!] [^\W\d_a-z]")
_EXCLAMATION = re.compile(r"[!！]")
_TRUNCATED = re.compile(r"(?:\.\.+|…|\[…\])\s*[\"'”’»]?$")
_QUOTED = re.compile(r"^[\"“„«‘']\s?[^\"“”„«»‘]{4,}[\"”“»’'](?:[.!,]?$|\s?:\s)")
# A headline opens with a number of things, but "12 dead" counts no things.
_LISTICLE = re.compile(
    r"""(?:^|:\s)(?:(?:the|here\ are|les|los|las|die|diese|i|le|as|os)\ )?(?:top\ )?\d{1,3}[ ]
    (?:[\w’'-]+\ ){0,3}
    (?:things|reasons|ways|facts|takeaways|questions|moments|tips|photos|pictures|tricks|lessons|
    dinge|gründe|fakten|fragen|tipps|bilder|choses|raisons|façons|questions|photos|conseils|
    cosas|razones|claves|preguntas|fotos|consejos|cose|motivi|modi|domande|foto|coisas|motivos|
    dicas|dingen|redenen|vragen|вещей|причин|фактов|вопросов)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_LABELS = (
    # what kind of piece it is, not what happened
    "live|live[ -]?blog|live updates?|live coverage|watch|video|videos|photos?|gallery|slideshow|"
    "listen|podcast|opinion|op-ed|analysis|commentary|editorial|column|review|recap|preview|"
    "explainer|quiz|poll|list|interview|exclusive|breaking|updates?|updated|must[ -]see|trailer|"
    "meinung|kommentar|analyse|leitartikel|liveticker|live-ticker|eilmeldung|fotostrecke|bilder|"
    "en direct|direct|vidéo|tribune|édito|éditorial|entretien|chronique|"
    "en vivo|en directo|vídeo|opinión|análisis|fotos|última hora|"
    "diretta|in diretta|opinione|analisi|editoriale|ao vivo|opinião|análise|"
    "liveblog|mening|commentaar|видео|фото|мнение|онлайн|прямой эфир"
)
_LABEL = re.compile(
    rf"^\W*(?:{_LABELS})\s*(?:[:|»>\])/]|[-–—]\s)"  # in front
    rf"|[\[(]\s*(?:with |\+ ?)?(?:{_LABELS})\s*[\])]"  # in brackets anywhere
    rf"|\s(?:[-–—|/]|::)\s*(?:{_LABELS})[.!]?$"  # at the end
    r"|^\S+(?: \S+){0,2} (?:review|recap|preview|video|live)\s?:"  # after a name
    r"|\blive[ -]?(?:blog|updates?|ticker|coverage|stream)\b|\bas it happened\b",
    re.IGNORECASE,
)
# Short words in capitals before a colon or bar: "WATCH:", "FULL TEXT |", in any language.
_CAPITAL_LABEL = re.compile(r"^\W?([^\W\d_]{4,}(?:\s[^\W\d_]+)?)\s?[:|»]\s")
_TEASER = re.compile(
    r"""^(?:(?:yes|no|ok|oh|wow|well|so),[ ]
    |(?:and\ )?(?:here|this|these|that|why|how|what|when|where|who)(?:[’']s)?\b
    |(?:warum|wieso|wie\ |was\ )|(?:pourquoi|comment|voici|ce\ que)\b
    |(?:por\ qué|cómo|así|esto)\b|(?:perché|come|ecco)\b|(?:por\ que|como|veja)\b
    |(?:waarom|hoe|wat)\b|(?:почему|как|что)\b)
    |\b(?:won[’']t\ believe|what\ happen(?:s|ed)\ next|need\ to\ know|the\ reason\ why
    |here[’']s\ (?:why|how|what)|what\ (?:we|to|you)\ know|everything\ (?:you|we)|will\ shock)
    |\b(?:you|your|you[’'](?:re|ll|ve)|vous|votre|dein|deine|ihr)\b""",
    re.VERBOSE | re.IGNORECASE,
)

_ADDRESS = re.compile(r"https?://|www\.|\S@\S+\.\w|\bpic\.twitter\b|[©|]|#\w+ #\w+", re.IGNORECASE)
_CREDIT = re.compile(
    r"^\W*(?:photos?|image|picture|file|foto|bild|crédit|video|media caption|caption|source|"
    r"by|von|par|por|di|updated|published|posted|last updated)\b\s*[:/©(]"
    r"|\((?:photo|image|foto|bild|file|ap photo|getty|reuters|afp)[^)]*\)\W*$"
    r"|\b(?:this|file) (?:\w+ ){0,3}(?:photo|image|picture)\b|\b(?:photo|picture) taken by\b"
    r"|\b(?:getty images|ap photo|afp photo|file photo|shutterstock|all rights reserved|"
    r"alle rechte vorbehalten|tous droits réservés|todos los derechos)\b",
    re.IGNORECASE,
)
_BYLINE = re.compile(
    r"^(?:by|von|par|por|di|reporting by|editing by|writing by)\s+[^\W\d_]\S*(?:\s\S+){0,4}$",
    re.IGNORECASE,
)
_INVITATION = re.compile(
    r"""\b(?:newsletters?|subscribe|subscribers?\ only|subscription|sign\ up|log\ in
    |(?:click|tap)\ here|read\ (?:more|also|the\ full)|follow\ (?:us|@)|join\ us|our\ app
    |watch\ (?:the\ video|live)|scroll\ down|story\ continues|this\ (?:story|article)\ (?:was|has
    \ been|is\ being)|check\ back|advertisement|(?:enable|disable)\ javascript|(?:our|uses)\ cookies
    |not\ supported\ by\ your\ browser|terms\ of\ (?:use|service)|privacy\ policy|share\ this
    |may\ not\ be\ (?:published|reproduced|redistributed)|cop(?:y|ies)\ of\ this
    |abonnieren|jetzt\ lesen|lesen\ sie\ (?:auch|mehr)|mehr\ zum\ thema|abonnez-vous|lire\ aussi
    |inscrivez-vous|suscr[ií]b\w+|lee\ también|leer\ más|iscriviti|leggi\ anche|assine|leia\ também
    |leia\ mais|lees\ (?:ook|meer)|подпис\w+\ на|читайте\ также)\b""",
    re.VERBOSE | re.IGNORECASE,
)
# "LONDON, March 3 (Reuters) - ", "Paris (AFP) – ", "(CNN) "
_DATELINE = re.compile(r"([^\n\"“”?!]{2,70}?)\s*(?:--|[—–]|\s-\s|(?<=\))-\s)\s*")
_AGENCY = re.compile(r"\([^)\n]{2,24}\)\s*[—–-]*\s*(?=[^\W\d_])")
_MOST_DATELINE_WORDS = 9


@lru_cache(maxsize=8192)
def flaws(title: str) -> tuple[str, ...]:
    """Name what speaks against showing a title, out of ``PENALTIES``."""
    return tuple(_flaws(title[:1000]))


def penalty(title: str) -> float:
    """Sum up what speaks against a title; 0 when nothing does."""
    return sum(PENALTIES[flaw] for flaw in flaws(title))


def _flaws(title: str) -> Iterator[str]:
    if _QUESTION.search(title):
        yield "question"
    if _EXCLAMATION.search(title):
        yield "exclamation"
    if _COMMENT.search(title):
        yield "comment"
    if _LISTICLE.search(title):
        yield "listicle"
    if _LABEL.search(title) or _is_capital_label(title):
        yield "label"
    if _TEASER.search(title):
        yield "teaser"
    if _TRUNCATED.search(title):
        yield "truncated"
    if _shouts(title):
        yield "shouting"
    if _QUOTED.match(title):
        yield "quote"
    signs = count_signs(title)
    words = title.count(" ") + 1 + signs // 2
    if words < _LEAST_WORDS or len(title) < _LEAST_CHARS - signs:
        yield "short"
    if words > _MOST_WORDS or len(title) > _MOST_CHARS:
        yield "long"


def _is_capital_label(title: str) -> bool:
    found = _CAPITAL_LABEL.match(title)
    return bool(found) and found.group(1).isupper() and not title.isupper() if found else False


def _shouts(title: str) -> bool:
    words = [word.strip("'\"“”‘’.,:;!?()") for word in title.split()]
    letters = [word for word in words if len(word) > 1 and word.isalpha() and has_capitals(word)]
    loud = [word for word in letters if word.isupper()]
    if len(loud) > max(1, 0.6 * len(letters)):
        return True
    return sum(len(word) >= 4 for word in loud) > max(1, 0.3 * len(letters))


def is_boilerplate(sentence: str) -> bool:
    """Say whether a sentence is the site's, or a credit, and not the article's."""
    if _ADDRESS.search(sentence) or _CREDIT.search(sentence) or _INVITATION.search(sentence):
        return True
    return bool(_BYLINE.match(sentence)) or _shouts(sentence)


def without_dateline(text: str) -> str:
    """Take place, date and agency off the start of a text."""
    if agency := _AGENCY.match(text):
        return text[agency.end() :]
    found = _DATELINE.match(text)
    if not found:
        return text
    head = found.group(1)
    first = head.split(maxsplit=1)[0].strip(",.")
    placed = len(first) > 2 and first.isupper()
    if head.count(" ") < _MOST_DATELINE_WORDS and (placed or head.endswith(")")):
        return text[found.end() :]
    return text
