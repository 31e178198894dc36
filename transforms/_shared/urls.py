"""One form for all addresses of one article, by rules of our own with a version.

The canonical form is an identity, not a link to click: the address as given stays in ``url``.
What it must never do, first of all, is give two articles one form; leaving one article two forms
costs only a comparison later on.

For that reason courlan does not clean the query here. Its non-strict mode drops ``?gallery=5``,
``?cid=12``, ``?eid=7``, ``?source=…`` and every value without a name (``/story?12345``), and takes
``https://a.example/live?id=5&back=https://a.example/home`` for the address in its middle.
"""

import functools
import re
from urllib.parse import unquote, urlsplit

import idna
import tldextract

URL_RULES_VERSION = "1"  # raised when a rule changes, because article ids follow from it

_MAX_HOST_CHARS = 253  # RFC 1035
_MAX_WRAPPER_DEPTH = 5  # AMP viewers and redirects around one address; deeper is left as it is
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})|([^A-Za-z0-9])")

_UNRESERVED = frozenset("-._~")
_SEGMENT_CHARS = _UNRESERVED | frozenset("!$&'()*+,;=:@")
_QUERY_CHARS = _UNRESERVED | frozenset("!$'()*,;:@/?=")
_FRAGMENT_CHARS = _SEGMENT_CHARS | frozenset("/?")

# Hosts of the same site: no case is known where they serve another article under the same path.
# Kept when the rest is no registrable name of its own (www.gov.uk, m.com).
_ALIAS_LABELS = frozenset({"www", "m", "mobile", "amp"})

_INDEX_FILE = re.compile(r"(index|default)\.(html?|shtml|php|aspx?|jsp)", re.IGNORECASE)
_HTML_FILE = re.compile(r"\.html?", re.IGNORECASE)
_SLUG = re.compile(r"[0-9-]")  # a story's segment holds a hyphen or a digit; a section's rarely
_ESCAPED_TWICE = re.compile(r"^(amp;)+", re.IGNORECASE)  # what "&amp;" leaves before a name
_REFERRING_HOST = re.compile(r"(?:https?://)?([^/:?]+)")
_SESSION_IN_PATH = re.compile(r";(jsessionid|phpsessid|sessionid|sid)=[^/;]*", re.IGNORECASE)

_AMP_GOOGLE = re.compile(r"https://google\.[a-z.]{2,6}/amp/(?:s/)?(.+)")
_AMP_CACHE = re.compile(r"https://[^/]+\.cdn\.ampproject\.org/[cv]/(?:s/)?(.+)")

_GOOGLE_REDIRECT = re.compile(
    r"https://google\.[a-z.]{2,6}/url\?(?:.*&)?(?:url|q)=(https?:[^&]+).*"
)

_TRACKING_PREFIXES = (
    "utm_", "ns_", "at_", "wt.", "wt_", "mtm_", "pk_", "piwik_", "hsa_", "vero_", "oly_", "ga_",
    "gad_", "itm_", "fb_", "guce_", "amp_", "aspsessionid", "__hs", "_hs", "mkt_", "cm_mmc",
)  # fmt: skip
_TRACKING_NAMES = frozenset(
    # what a click was bought or shared with
    "fbclid gclid gclsrc dclid msclkid yclid ysclid twclid ttclid gbraid wbraid igshid igsh epik "
    "li_fat_id rdt_cid mibextid sfnsn extid _ga _gl _openstat _branch_match_id "
    "__twitter_impression tblci dicbo oborigurl spm trk "
    # which newsletter, button or page of the publisher sent the reader
    "mc_cid mc_eid cmpid intcmp icmp icid intcid int_cid s_cid s_kwcid ncid ocid ito smid "
    "smtyp sref spref xtor mbid mkcid guccounter ref_src ref_url referrer referer "
    "feedtype feedname sharetype socialshare share_id hsctatracking action_object_map "
    # AMP viewers
    "usqp "
    # sessions
    "phpsessid jsessionid cfid cftoken".split()
)
# Names that hold an id on one site and the origin of the click on another: the value decides.
_ORIGIN_NAMES = frozenset(
    "ref source src from via mod partner emc track medium origin feed cid cmp outputtype".split()
)
_ORIGIN_VALUES = frozenset(
    "rss rss2 atom rssfeed feed feeds feedburner twitter facebook fb linkedin reddit whatsapp "
    "telegram instagram googlenews google_news flipboard email mail newsletter newsletters share "
    "social amp".split()
)
_SWITCHES = frozenset({"amp", "_amp", "isamp", "amphtml", "rss", "fromrss", "from_rss"})
_SWITCH_VALUES = frozenset({"", "1", "true", "yes"})
# The story or the conference session on some sites, the visit on others: a visit's value is long
# and mixed.
_SESSION_NAMES = frozenset({"sid", "session", "sessionid", "session_id"})
_SESSION_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{16,}")

_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # its bundled list only


def registered_domain(host: str) -> str:
    """Name the domain a publisher registered: bbc.co.uk for news.bbc.co.uk; "" when there is none.

    A top-level domain that is not in the list (an intranet's) counts as a suffix, as the list
    itself rules. Hosts such as localhost, an IP address or a bare public suffix have none. Never
    raises, and never fetches a suffix list.
    """
    return _registered_domain(host)[0] if len(host) <= _MAX_HOST_CHARS else ""


@functools.lru_cache(maxsize=4096)
def _registered_domain(host: str) -> tuple[str, bool]:
    """Give the registered domain and whether its suffix is in the list."""
    try:
        found = _suffixes.extract_str(host)
    except Exception:  # a third-party parser on hostile text
        return "", False
    if found.suffix:
        return str(found.top_domain_under_public_suffix), True
    labels = host.split(".")
    is_name = len(labels) > 1 and all(labels) and not labels[-1].isdigit() and ":" not in host
    return (".".join(labels[-2:]), False) if is_name else ("", False)


def canonical_url(url: str) -> str:
    """Give the one form in which all addresses of an article are compared.

    http(s) only; anything else, and what cannot be parsed, comes back stripped of outer white
    space. Idempotent; never raises; no length is cut off, so that long addresses stay apart.

    - https for both schemes, since sites answer both with one article; so the result is an
      identity and need not answer. Default ports, user names, passwords and fragments go
      (except ``#!``, which single-page sites use as a path).
    - ``www.``, ``m.``, ``mobile.`` and ``amp.`` go, host names are punycode in lower case.
    - Percent escapes, dot segments, double and trailing slashes and index files are unified;
      the case of the path is kept: servers tell /a from /A.
    - Parameters are sorted by name; those that only say where the reader came from, or in which
      session, go.
    - AMP viewers and Google's redirects are unwrapped; ``/amp``, ``.amp`` and ``?amp`` go, the
      first only after a segment that looks like a story's.
    """
    stripped = url.strip()
    first = current = _canonical(stripped)
    for _ in range(_MAX_WRAPPER_DEPTH):
        inner = _inside_wrapper(current)
        if not inner:
            return current
        current = _canonical(inner)
    return first


def _canonical(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    if parts.scheme not in ("http", "https"):
        return url
    host = _canonical_host(host)
    if not host or "\\" in parts.netloc:
        return url
    # Both default ports: http://h:443 becomes https://h:443, which must not change again.
    netloc = host if port in (None, 80, 443) else f"{host}:{port}"
    query = _canonical_query(parts.query)
    fragment = _escape(parts.fragment, _FRAGMENT_CHARS) if parts.fragment[:1] == "!" else ""
    return "".join(
        (
            f"https://{netloc}{_canonical_path(parts.path)}",
            f"?{query}" if query else "",
            f"#{fragment}" if len(fragment) > 1 else "",
        )
    )


def _canonical_host(host: str) -> str:
    """Give the host in lower-case ASCII without alias labels; "" when it is no host."""
    host = host.rstrip(".").lower()
    if not host.isascii():
        host = to_punycode(host)
    if ":" in host:
        host = f"[{host}]"
    if len(host) > _MAX_HOST_CHARS or not _HOST.fullmatch(host):
        return ""
    while True:
        label, _, rest = host.partition(".")
        if label not in _ALIAS_LABELS or not registered_domain(rest):
            return host
        host = rest


def to_punycode(host: str) -> str:
    """Give a host of any script in ASCII; "" when it can have no such form. Never raises."""
    if len(host) > _MAX_HOST_CHARS:
        return ""
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except UnicodeError:
        pass
    try:  # names the newer standard forbids, such as emoji, do exist
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""


def _canonical_path(path: str) -> str:
    segments: list[str] = []
    for raw in path.split("/"):
        segment = _SESSION_IN_PATH.sub("", _escape(raw, _SEGMENT_CHARS))
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    while segments:
        segments[-1] = _without_amp(segments[-1])
        if segments[-1] and not _is_trailing_variant(segments):
            break
        segments.pop()
    return "/" + "/".join(segments)


def _without_amp(segment: str) -> str:
    """Turn story.amp and story.amp.html into story and story.html."""
    dot = segment.rfind(".")
    extension = segment[dot:] if dot >= 0 and _HTML_FILE.fullmatch(segment[dot:]) else ""
    stem = segment.lower()
    end = len(segment) - len(extension)
    while stem.endswith(".amp", 0, end):
        end -= 4
    return segment[:end] + extension


def _is_trailing_variant(segments: list[str]) -> bool:
    last = segments[-1]
    if _INDEX_FILE.fullmatch(last):
        return True
    return last.lower() == "amp" and len(segments) > 1 and bool(_SLUG.search(segments[-2]))


def _canonical_query(query: str) -> str:
    kept: dict[str, None] = {}  # in order, each once
    for escaped in query.replace("+", "%20").split("&"):
        glued = _ESCAPED_TWICE.sub("", _escape(escaped, _QUERY_CHARS)).split("?")
        while len(glued) > 1 and _is_tracking(glued[-1]):  # "?id=1?utm_source=x" of careless tools
            glued.pop()
        parameter = "?".join(glued)
        if parameter and not _is_tracking(parameter):
            kept[parameter] = None
    return "&".join(sorted(kept, key=_name))  # stable: values of one name keep their order


def _name(parameter: str) -> str:
    return parameter.partition("=")[0]


def _is_tracking(parameter: str) -> bool:
    name, _, value = parameter.lower().partition("=")
    if name in _TRACKING_NAMES or name.startswith(_TRACKING_PREFIXES):
        return True
    if name in _SWITCHES:
        return value in _SWITCH_VALUES
    if name in _SESSION_NAMES:
        return bool(_SESSION_TOKEN.fullmatch(value))
    return name in _ORIGIN_NAMES and (value in _ORIGIN_VALUES or _is_origin(name, value))


def _is_origin(name: str, value: str) -> bool:
    if name == "mod":
        return value.startswith("rss")
    if name == "cmp":
        return "_" in value  # a campaign (share_app_other); a plain word may be a company
    host = _REFERRING_HOST.match(value) if name == "ref" else None
    return host is not None and len(host[1]) <= _MAX_HOST_CHARS and _registered_domain(host[1])[1]


def _inside_wrapper(canonical: str) -> str:
    redirect = _GOOGLE_REDIRECT.fullmatch(canonical)
    if redirect:
        return unquote(redirect[1], errors="surrogateescape")
    match = _AMP_GOOGLE.fullmatch(canonical) or _AMP_CACHE.fullmatch(canonical)
    return f"https://{match[1]}" if match else ""


def _escape(text: str, allowed: frozenset[str]) -> str:
    """Decode escapes of allowed characters and escape all others, once and in upper case."""

    def one(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16)) if match[1] else match[2]
        if char in allowed or (char.isascii() and char.isalnum()):
            return char
        if match[1]:
            return "%" + match[1].upper()
        return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))

    return _PERCENT.sub(one, text)
