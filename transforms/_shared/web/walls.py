"""Recognise an HTML page that stands in front of the content: neither an article nor a feed.

What it must never do, first of all, is take an article for a wall: an article about cookies, bots
or passwords names them too, and many sites load the scripts of bot protection into every page. So
nothing but a server's own header and the address of a known consent service decides alone; else
little visible text must come together with the mark of a challenge, a title that is a wall's, or
words of which nothing but consent is left. A wall that is not recognised costs one useless text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

BOT_WALL, CONSENT_WALL, LOGIN_WALL = "bot_wall", "consent_wall", "login_wall"

# Visible characters, menus included. The barest of 181 real article pages has 1,546.
_BOT_CHARS = 1_500
_PHRASE_CHARS = 800  # where only what the page says gives it away ...
_PHRASE_WITHIN = 300  # ... and it says so at once
_HARDLY_ANY_CHARS = 300
_LOGIN_CHARS = 1_500
_CONSENT_CHARS = 6_000  # these list purposes and partners
_TITLE_CHARS = 300
_OTHER_CHARS = 250  # that may stand on a cookie wall beside the sentences about consent ...
_OTHER_NAMED_CHARS = 1_000  # ... and on one whose title or address is a wall's

_UNSEEN = ("script", "style", "noscript", "template", "svg", "head")
_BLOCKS = frozenset(
    "address article aside blockquote body br button dd div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr label li main nav ol option p pre section table td th tr"
    " ul".split()
)
_BREAK = "\u2029"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # lxml reads &#8; but sets none
_TITLE_PARTS = re.compile(r"\s*(?:[|•·»:]|\s[-–—]\s)\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?。])\s+")

# Only ever part of a challenge or of a refusal.
_CHALLENGE = re.compile(
    r"\b_cf_chl_opt\b|cf-browser-verification|id=[\"']challenge-(?:form|running|stage)\b"
    r"|challenge-platform/h/\w+/orchestrate|captcha-delivery\.com|sec-if-cpt-container"
    r"|[?&]bm-verify=|errors\.edgesuite\.net|validate\.perfdrive\.com|distil_r_captcha"
    r"|\bawsWafCookieDomainList\b|<awswaf-captcha|Incapsula incident ID"
    r"|\.well-known/ddos-guard/|sucuri_cloudproxy_js|\.within\.website/x/cmd/anubis",
    re.IGNORECASE,
)
# Also loaded into pages that were let through.
_PROTECTION = re.compile(r"px-captcha|_Incapsula_Resource|\bAwsWafIntegration\b|cf-error-details")
_JSON_LD = re.compile(r"application/ld\+json", re.IGNORECASE)
_BOT_TITLE = re.compile(
    r"just a moment\W*|please wait\W*(?:\| cloudflare)?|attention required\W*(?:\| cloudflare)?"
    r"|access to this page has been denied\W*|pardon our interruption\W*|client challenge"
    r"|vercel security checkpoint|ddos-guard|sucuri website firewall.{0,40}"
    r"|making sure you['’]re not a bot\W*|robot or human\W*|(?:bloomberg - )?are you a robot\W*"
    r"|(?:checking|verifying) your browser\W*.{0,40}|(?:human|bot|captcha) verification"
    r"|verif(?:y|ying) (?:that )?you are (?:a )?human\W*|(?:robot|captcha|bot) check"
    r"|you have been blocked",
    re.IGNORECASE,
)
_REFUSAL_TITLE = re.compile(
    r"(?:error )?(?:403 )?(?:access denied|forbidden)\W*|request (?:rejected|blocked)\W*"
    r"|security check\W*|blocked|error(?: 403)?",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"you don[’']?t have permission to access|reference ?(?:#|id|number|error)|your ip\b|\bray id\b"
    r"|(?:incident|support|event) id|request (?:was |has been )?(?:blocked|rejected)"
    r"|unusual (?:traffic|activity)|automated (?:access|requests|tool)",
    re.IGNORECASE,
)
_BOT_PHRASE = re.compile(  # at the beginning of a sentence
    r"(?:please |to continue,? (?:please )?|in order to continue,? )?"
    r"(?:enable js and disable any ad blocker|enable javascript and cookies to continue"
    r"|checking your browser before accessing|(?:our systems|we)(?:['’]ve| have) detected unusual"
    r"|verify (?:that )?you are (?:a )?human"
    r"|confirm (?:that )?you(?:['’]re| are) (?:a human|not a (?:ro)?bot)"
    r"|as you were browsing something about your browser made us think"
    r"|the requested url was rejected)",
    re.IGNORECASE,
)

_CONSENT_HOST = re.compile(
    r"consent\.(?:google|youtube|yahoo|aol)(?:\.[a-z]{2,6}){1,2}|guce\.[a-z0-9.-]{1,100}"
    r"|myprivacy\.dpgmedia\.(?:nl|be)",
)
_CONSENT_FORM = re.compile(
    r"<form\b[^<>]{0,300}?\baction\s*=\s*[\"']?https://(?:consent\.(?:google|youtube|yahoo|aol)|guce)\.",
    re.IGNORECASE,
)
_CONSENT_PATH = re.compile(
    r"/(?:zustimmung|consent|cookie-?wall|cookie-?consent|privacy-?wall)(?:[/.].*)?", re.IGNORECASE
)
_CONSENT_TITLE = re.compile(  # of one of the title's parts
    r"before you continue.{0,60}|bevor sie (?:zu|weiter).{0,60}|avant d[’'](?:accéder|aller).{0,60}"
    r"|antes de (?:ir|continuar).{0,60}|prima di continuare.{0,60}|voordat (?:je|u) verder.{0,60}"
    r"|yahoo (?:is part of|ist teil|fait partie|forma parte|fa parte).{0,80}"
    r"|(?:your |cookie |manage )*(?:privacy|cookies?) (?:settings|preferences|consent|choices)"
    r"|(?:cookie )?consent(?: required| management)?|cookie wall"
    r"|(?:ihre )?(?:datenschutz-?|privatsphäre-?)einstellungen|einwilligung|zustimmung"
    r"|consentement|(?:vos )?paramètres (?:de confidentialité|des cookies)|consentimiento"
    r"|informativa sulla privacy|(?:je )?privacy-?(?:instellingen|voorkeuren)|toestemming",
    re.IGNORECASE,
)
_CONSENT_WORDS = tuple(  # of what a wall talks about: the thing, the deed, with whom, what for
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for words in (
        r"cookies?|traceurs",
        r"accept(?:ing|er|eren|s)?|agree|consent\w*|reject(?: all)?|akzeptieren|zustimm\w+"
        r"|einverstanden|einwillig\w+|ablehnen|refuser|aceptar|rechazar|consentimiento|accett\w+"
        r"|rifiut\w+|akkoord|toestemming|weigeren|zgadzam|akcept\w+|aceitar|принять|согласен",
        r"partners?|vendors?|third[ -]part(?:y|ies)|partnern|drittanbietern?|partenaires|socios"
        r"|terceros|fornitori|terze parti|parceiros|derden|partnerzy|партнер\w*",
        r"privacy|personal data|legitimate interests?|personali[sz]e[ds]?|tracking|advertising|ads"
        r"|datenschutz\w*|personenbezogene\w*|werbung|confidentialité|données|publicités?"
        r"|privacidad|datos personales|publicidad|dati personali|pubblicità|persoonsgegevens"
        r"|advertenties|reklam\w*",
    )
)
_ADDRESS = re.compile(
    r"\b(?:we|our|us|you|your|wir|uns|unsere[nrms]?|sie|ihre[nrms]?|ihnen|du|deine[nrms]?|nous|nos"
    r"|notre|vous|votre|vos|nosotros|nuestr[oa]s?|usted|tus?|sus?|noi|nostr[aie]|tu[aoei]?|voi|vostr[aie]"
    r"|wij|we|ons|onze|je|jouw|uw|nós|nosso|nossos|você|seus?|my|nasz\w*|nas|мы|наш\w*|вы|ваш\w*)\b",
    re.IGNORECASE,
)
_BUTTON_CHARS = 60

_LOGIN_TITLE = re.compile(  # of one of the title's parts
    r"(?:please )?(?:log ?-?in|sign ?-?in|sign ?-?on)"
    r"(?: (?:or|and|/) (?:register|sign up|subscribe))?"
    r"(?: to (?:your account|continue|read).{0,40})?"
    r"|(?:member|subscriber|account) (?:log ?in|sign ?in)|anmelden|anmeldung|einloggen"
    r"|se connecter|connexion|identifiez-vous|iniciar sesión|inicia sesión|acceder|accedi|login"
    r"|inloggen|zaloguj(?: się)?|entrar|вход|авторизация",
    re.IGNORECASE,
)
_LOGIN_PATH = re.compile(
    r"/(?:log-?in|sign-?in|sso|auth|authenticate|anmelden|connexion|inloggen)(?:[/.]|$)",
    re.IGNORECASE,
)
_SUBSCRIBE_TITLE = re.compile(
    r"(?:subscribe|register|log in|sign in) to (?:read|continue|unlock).{0,60}"
    r"|subscription required",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _View:
    """What a reader would see of a page, as far as it matters here."""

    markup: str
    title: str
    blocks: tuple[str, ...]  # visible text, block by block
    asks_password: bool
    path: str  # of its address

    @property
    def text(self) -> str:
        return " ".join(self.blocks)


def wall_of(
    page: bytes | str, headers: Mapping[str, str] | None = None, url: str = ""
) -> str | None:
    """Name the wall that ``page`` is; None when it looks like content.

    Args:
        page: the body; bytes are read as UTF-8, which is enough to know a wall by.
        headers: of the answer, with names in lower case.
        url: the address that answered.

    Returns:
        ``bot_wall`` (a challenge or a refusal by bot protection), ``consent_wall`` (cookies must
        be agreed to first) or ``login_wall`` (an account or a subscription is asked for).
    """
    if "challenge" in (headers or {}).get("cf-mitigated", "").lower():
        return BOT_WALL
    host, path = _host_and_path(url)
    if _CONSENT_HOST.fullmatch(host):
        return CONSENT_WALL
    markup = page if isinstance(page, str) else page.decode("utf-8", "replace")
    view = _view(markup, path)
    if view is None or len(view.text) > _CONSENT_CHARS:
        return None
    for wall, is_wall in _RULES:
        if is_wall(view):
            return wall
    return None


def visible_text(html: str) -> str:
    """Give the text a reader sees of a whole page, in one line, without its title.

    Scripts, styles and what only browsers without scripts show are left out; menus are not.
    """
    tree = _parse(html)
    return " ".join(_blocks(tree)) if tree is not None else ""


def _is_bot_wall(view: _View) -> bool:
    text, title = view.text, view.title
    if len(text) > _BOT_CHARS:
        return False
    if _BOT_TITLE.fullmatch(title) or _CHALLENGE.search(view.markup):
        return True
    if _REFUSAL_TITLE.fullmatch(title) and len(text) <= _PHRASE_CHARS and _REFUSAL.search(text):
        return True
    if len(text) <= _PHRASE_CHARS and _begins_with_challenge(view.blocks):
        return True
    hardly_any = len(text) <= _HARDLY_ANY_CHARS and not _JSON_LD.search(view.markup)
    return hardly_any and _PROTECTION.search(view.markup) is not None


def _begins_with_challenge(blocks: tuple[str, ...]) -> bool:
    left = _PHRASE_WITHIN
    for sentence in _sentences(blocks):
        if left < 0:
            return False
        if _BOT_PHRASE.match(sentence):
            return True
        left -= len(sentence)
    return False


def _is_consent_wall(view: _View) -> bool:
    kinds = _kinds_of_consent(view.text)
    if kinds < 2:
        return False
    if _CONSENT_FORM.search(view.markup):
        return True
    named = any(_CONSENT_TITLE.fullmatch(part) for part in _parts(view.title))
    if named or _CONSENT_PATH.fullmatch(view.path):
        return _other_chars(view.blocks) <= _OTHER_NAMED_CHARS
    return kinds >= 3 and _other_chars(view.blocks) <= _OTHER_CHARS


def _is_login_wall(view: _View) -> bool:
    if len(view.text) > _LOGIN_CHARS:
        return False
    parts = _parts(view.title)
    if any(_SUBSCRIBE_TITLE.fullmatch(part) for part in parts):
        return True
    named = any(_LOGIN_TITLE.fullmatch(part) for part in parts)
    return view.asks_password and (named or bool(_LOGIN_PATH.search(view.path)))


_RULES = (
    (BOT_WALL, _is_bot_wall),
    (CONSENT_WALL, _is_consent_wall),
    (LOGIN_WALL, _is_login_wall),
)


def _kinds_of_consent(text: str) -> int:
    return sum(1 for words in _CONSENT_WORDS if words.search(text))


def _other_chars(blocks: tuple[str, ...]) -> int:
    """Count the characters of sentences that do not ask the reader for consent."""
    return sum(len(sentence) for sentence in _sentences(blocks) if not _asks_consent(sentence))


def _asks_consent(sentence: str) -> bool:
    """Tell a wall, which speaks to its reader or has buttons, from a report about one."""
    to_reader = len(sentence) <= _BUTTON_CHARS or _ADDRESS.search(sentence)
    return bool(to_reader and _kinds_of_consent(sentence))


def _sentences(blocks: tuple[str, ...]) -> Iterator[str]:
    return (sentence for block in blocks for sentence in _SENTENCE_END.split(block))


def _parts(title: str) -> list[str]:
    return [part for part in _TITLE_PARTS.split(title) if part]


def _host_and_path(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").rstrip("."), parts.path
    except ValueError:
        return "", ""


def _view(markup: str, path: str) -> _View | None:
    tree = _parse(markup)
    if tree is None:
        return None
    title = next(("".join(element.itertext()) for element in tree.iter("title")), "")
    fields = (element.get("type") or "" for element in tree.iter("input"))
    asks_password = any(kind.strip().lower() == "password" for kind in fields)
    flat = " ".join(title[: 4 * _TITLE_CHARS].split())[:_TITLE_CHARS]
    return _View(markup, flat, tuple(_blocks(tree)), asks_password, path)


def _parse(html: str) -> Any:
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(html.replace("\x00", "").encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return None


def _blocks(tree: Any) -> Iterator[str]:
    """Yield the visible text block by block; takes what is unseen out of the tree."""
    etree.strip_elements(tree, *_UNSEEN, with_tail=False)
    for element in tree.iter(*_BLOCKS):
        element.text = _BREAK + _NOT_XML.sub("", element.text or "")
        element.tail = _BREAK + _NOT_XML.sub("", element.tail or "")
    for block in "".join(tree.itertext()).split(_BREAK):
        flat = " ".join(block.split())
        if flat:
            yield flat
