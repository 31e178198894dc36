"""Lines that belong to the web site around a story, never to the story: an explicit list.

A line is clutter only as a *whole*; nothing is ever cut out of a sentence. A line that could be
story text elsewhere ("Print", "Share", a lone number) is clutter only at the ends of a text or
beside other clutter. A story's own words go before a clean tail: what is not listed stays.
"""

import re
import unicodedata
from enum import Enum, auto
from functools import lru_cache

CLUTTER_VERSION = "1"  # raised when the lists change: output changes with them

# Phrases no story consists of; compared after ``fold_line``. One line a language.
_ANYWHERE_PHRASES = (
    # English
    "advertisement|advertisements|advertising|sponsored content|sponsored|story continues below"
    "|story continues below advertisement|article continues below|continue reading"
    "|continue reading the main story|continue reading below|read more|read more here"
    "|read full article|read the full article|read full story|read the full story|keep reading"
    "|read the rest of this entry|send this to friend|send this to a friend|before you go"
    "|share on facebook|share on twitter|share on x|share on whatsapp|share on linkedin"
    "|share on reddit|share on pinterest|share on telegram|share on email|share via email"
    "|share this|share this article|share this story|share this post|share this page|share this on"
    "|tweet this|email this|email this article|print this|print this article|print this page"
    "|print article|like this|like loading|click to share|copy link|link copied|save article"
    "|save for later|sign up for our newsletter|sign up for our newsletters"
    "|subscribe to our newsletter|subscribe now|already a subscriber log in|log in to continue"
    "|accept cookies|accept all cookies|cookie settings|manage cookies|skip to main content"
    "|skip to content|skip advertisement|back to top|jump to comments|view comments"
    "|show comments|hide comments|load more comments|report this ad|report a typo"
    "|recommended for you|you may also like|you might also like|most popular|most read"
    "|trending now|up next|watch next|related articles|related stories|related posts"
    "|related content|more from this author|thanks for reading|view original post"
    "|read original article|via email|comments are closed|comments off"
    "|this article has been updated",
    # German
    "anzeige|werbung|weiterlesen|mehr lesen|mehr dazu|lesen sie auch|lesen sie mehr|artikel teilen"
    "|auf facebook teilen|auf twitter teilen|newsletter abonnieren|nach oben|zum thema"
    "|cookies akzeptieren|das könnte sie auch interessieren",
    # French
    "publicité|lire la suite|lire aussi|à lire aussi|lire plus|en savoir plus|partager sur facebook"
    "|partager sur twitter|partager cet article|abonnez vous|accepter les cookies"
    "|sur le même sujet|vous aimerez aussi|haut de page",
    # Spanish, Portuguese, Italian, Dutch
    "publicidad|leer más|seguir leyendo|sigue leyendo|lee también|lea también|compartir en facebook"
    "|compartir en twitter|suscríbete|te puede interesar|noticias relacionadas|aceptar cookies"
    "|publicidade|leia mais|leia também|continue lendo|compartilhe|compartilhar no facebook"
    "|pubblicità|leggi anche|leggi tutto|continua a leggere|condividi su facebook"
    "|articoli correlati|advertentie|lees meer|lees ook|lees verder|delen op facebook",
    # Polish, Turkish, Russian, Ukrainian
    "reklama|czytaj dalej|czytaj więcej|czytaj też|devamını oku|ilgili haberler"
    "|реклама|читать далее|читайте также|поделиться|подписаться|читайте також|читати далі",
    # Arabic, Hindi, Chinese, Japanese, Korean
    "إعلان|اقرأ أيضا|اقرأ المزيد|विज्ञापन|यह भी पढ़ें|广告|阅读全文|阅读更多|相关阅读|分享到"
    "|廣告|閱讀更多|広告|続きを読む|関連記事|광고|더보기|관련기사",
)

# Phrases that stand in a share bar or a menu but could be a line of a story.
_EDGE_PHRASES = (
    "share|shares|tweet|tweets|print|email|e mail|mail|facebook|twitter|x|whatsapp|linkedin|reddit"
    "|pinterest|telegram|instagram|youtube|flipboard|messenger|pocket|sms|rss|like|likes|save|follow"
    "|follow us|comment|comments|no comments|reply|subscribe|log in|login|sign in|sign up|register"
    "|menu|search|home|close|more|next|previous|top|related|tags|topics|filed under|photo|video"
    "|gallery|loading|done|ok|views|bookmark|listen|play|pin|pin it|link|copy|text size|a a a|undo"
    "|newsletter|teilen|drucken|merken|kommentare|schließen|partager|imprimer|commentaires|envoyer"
    "|compartir|imprimir|comentarios|enviar|compartilhar|comentários|condividi|stampa|commenti"
    "|delen|reacties|udostępnij|drukuj|paylaş|печать|комментарии|مشاركة|طباعة|分享|打印|シェア|공유",
)

# Whole lines with a variable part; matched on the line as written, ignoring case.
_ANYWHERE_PATTERNS = (
    # WordPress' own last line; "the post office appeared first on the list" is none
    r"the post (?-i:[^a-z\s]).{0,300} (?:first )?appeared (?:first )?on"
    r" (?:(?-i:[^a-z\s]).{0,120}|\S+)",
    r"(?:l’article|l'article|cet article) .{1,300} est apparu en premier sur .{1,120}",
    r"der beitrag .{1,300} erschien zuerst auf .{1,120}",
    r"la entrada .{1,300} (?:se publicó primero|aparece primero) en .{1,120}",
    r"click here (?:to|for) .{1,100}",
    r"click to (?:share|print|email|tweet).{0,80}",
    r"(?:please )?(?:sign up|subscribe)(?: here| now)? (?:for|to) .{0,80}newsletters?.{0,40}",
    r"(?:get|receive) .{1,80} (?:newsletter|in your inbox|to your inbox).{0,40}",
    r"(?:follow|like|find|join) (?:us|me) on .{1,60}",
    r"(?:this (?:web)?site|we) uses? cookies\b.{0,250}",
    r"by (?:continuing|using|browsing) .{0,80}\bcookies\b.{0,200}",
    r"(?:diese (?:website|seite)|wir) (?:verwendet|verwenden|nutzt|nutzen) cookies\b.{0,250}",
    r"(?:ce site|nous) (?:utilise|utilisons) des cookies\b.{0,250}",
    r"(?:este sitio|esta web)(?: web)? (?:utiliza|usa) cookies\b.{0,250}",
    r"(?:read more|read also|also read|see also|read next|related|more on this|leer también"
    r"|lire aussi|à lire aussi|lesen sie auch|mehr zum thema|leggi anche|leia também)"
    r"\s?[:|»›-]\s.{1,160}",
    r"[\d.,]+\s?[km]? (?:shares|retweets|likes|views)",
    r"\[?(?:&hellip;|…|\.\.\.)\]?",
)
_EDGE_PATTERNS = (
    r"[\d.,]{1,7}\s?[km]?",  # a share counter
    r"(?:©|\(c\)|copyright\b).{0,160}",
    r".{0,80}\ball rights reserved\b.{0,80}",
    r"[\d.,]+ (?:comments?|responses?|kommentare?|commentaires?|comentarios?|commenti)",
    r"(?:tags?|filed under|topics|posted in|categories|category)\s?: .{1,200}",
    r"[-–—_=*•·.#|~ ]{1,80}",
)


def _phrases(groups: tuple[str, ...]) -> frozenset[str]:
    return frozenset(fold_line(phrase) for group in groups for phrase in group.split("|"))


def _pattern(alternatives: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in alternatives), re.IGNORECASE)


class _Apart(dict[int, int]):
    """What ``str.translate`` leaves of each character: letters, digits and marks, else a space."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        kept = char.isalnum() or unicodedata.category(char)[0] == "M"
        self[code] = code if kept else ord(" ")
        return self[code]


_APART = _Apart()


def fold_line(line: str) -> str:
    """Reduce a line to casefolded words parted by one space, for comparing whole lines."""
    folded = unicodedata.normalize("NFKC", line).casefold()
    return " ".join(folded.translate(_APART).split())


_ANYWHERE = _phrases(_ANYWHERE_PHRASES)
_EDGE = _phrases(_EDGE_PHRASES)
_ANYWHERE_PATTERN = _pattern(_ANYWHERE_PATTERNS)
_EDGE_PATTERN = _pattern(_EDGE_PATTERNS)
_MAX_PHRASE_CHARS = 100  # longer lines are no phrase of the lists, punctuation included
_MAX_CLUTTER_CHARS = 500  # longer lines are story; this also bounds the patterns' work


def is_clutter(line: str) -> bool:
    """Say whether the whole line is site clutter wherever it stands."""
    return len(line) <= _MAX_CLUTTER_CHARS and _kind(line) is _Kind.CLUTTER


def is_edge_clutter(line: str) -> bool:
    """Say whether the whole line is clutter when it stands at an end or beside clutter."""
    return len(line) <= _MAX_CLUTTER_CHARS and _kind(line) is not _Kind.STORY


class _Kind(Enum):
    CLUTTER = auto()
    AT_EDGE = auto()
    STORY = auto()


@lru_cache(maxsize=1024)  # a line is asked about up to six times, and a site repeats its own
def _kind(line: str) -> _Kind:
    phrase = fold_line(line) if len(line) <= _MAX_PHRASE_CHARS else ""
    if phrase in _ANYWHERE or _ANYWHERE_PATTERN.fullmatch(line.strip()):
        return _Kind.CLUTTER
    if phrase in _EDGE or _EDGE_PATTERN.fullmatch(line.strip()):
        return _Kind.AT_EDGE
    return _Kind.STORY


def drop_clutter(paragraphs: list[str]) -> list[str]:
    """Return the paragraphs without clutter at both ends and without clutter lines inside."""
    first, last = 0, len(paragraphs)
    while first < last and is_edge_clutter(paragraphs[first]):
        first += 1
    while last > first and is_edge_clutter(paragraphs[last - 1]):
        last -= 1
    inside = paragraphs[first:last]
    sure = [is_clutter(line) for line in inside]
    for at, line in enumerate(inside):
        # A share bar: one sure line makes its doubtful neighbours sure, in reading order.
        if not sure[at] and is_edge_clutter(line):
            sure[at] = (at > 0 and sure[at - 1]) or (at + 1 < len(sure) and sure[at + 1])
    return [line for line, drop in zip(inside, sure) if not drop]
