import gzip
from pathlib import Path

import pytest

from transforms._shared.web.walls import visible_text, wall_of

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
PAGES = sorted(SAMPLES.glob("pages/**/*.html.gz"))

SENTENCE = "The council of Pellworth voted on the new ferry pier, and the mayor spoke for an hour. "


def page(title="", body="", head=""):
    markup = f"<!doctype html><html><head><title>{title}</title>{head}</head><body>{body}</body>"
    return f"{markup}</html>"


WALLS = {
    "cloudflare's challenge": (
        "bot_wall",
        page(
            "Just a moment...",
            "<noscript>Enable JavaScript and cookies to continue</noscript>"
            "<script>window._cf_chl_opt = {cvId: '3'};</script>",
        ),
    ),
    "cloudflare's block": (
        "bot_wall",
        page("Attention Required! | Cloudflare", "<h1>Sorry, you have been blocked</h1>" * 8),
    ),
    "cloudflare's challenge in another language": (
        "bot_wall",
        page("Einen Moment", "<p>Wird geprüft</p><script>window._cf_chl_opt={}</script>"),
    ),
    "akamai's refusal": (
        "bot_wall",
        page(
            "Access Denied",
            "<h1>Access Denied</h1>You don't have permission to access this. Reference #18.2f",
        ),
    ),
    "akamai's waiting page": (
        "bot_wall",
        page("", '<div id="sec-if-cpt-container"></div><p>Powered and protected</p>'),
    ),
    "akamai's waiting page that reloads": (
        "bot_wall",
        page("", head='<meta http-equiv="refresh" content="5; URL=\'/a?bm-verify=AAQ\'">'),
    ),
    "datadome": (
        "bot_wall",
        page(
            "town.example",
            "<p>Please enable JS and disable any ad blocker</p>"
            "<script>var dd={'host':'geo.captcha-delivery.com'}</script>",
        ),
    ),
    "perimeterx": (
        "bot_wall",
        page("Access to this page has been denied", '<div id="px-captcha"></div>'),
    ),
    "perimeterx without its title": ("bot_wall", page("Shop", '<div id="px-captcha"></div>')),
    "incapsula": (
        "bot_wall",
        page("", '<iframe src="/_Incapsula_Resource?x=1">Incident</iframe>'),
    ),
    "aws waf": ("bot_wall", page("", "<script>window.awsWafCookieDomainList = [];</script>")),
    "a search engine's refusal": (
        "bot_wall",
        page("https://news.example/", "Our systems have detected unusual traffic from you."),
    ),
    "before you continue": (
        "consent_wall",
        page(
            "Before you continue to Example News",
            "<p>We use cookies and data to deliver services.</p><button>Accept all</button>",
        ),
    ),
    "a consent service's form": (
        "consent_wall",
        page(
            "Example News",
            '<form action="https://consent.google.com/save" method="POST">'
            "<button>Accept all cookies</button></form>" + f"<p>{SENTENCE}</p>" * 20,
        ),
    ),
    "a portal's family of brands": (
        "consent_wall",
        page(
            "Yahoo is part of the Yahoo family of brands",
            "<p>When you use our sites we use cookies.</p><p>If you click accept all, we and our "
            "partners store personal data.</p><button>Manage privacy settings</button>",
        ),
    ),
    "a cookie wall without a title": (
        "consent_wall",
        page(
            "The Pellworth Gazette",
            "<h1>Pellworth Gazette</h1><p>We and our 240 partners use cookies to show you "
            "personalised advertising. You can consent to that or subscribe.</p>"
            "<button>Accept and continue</button><a>Privacy</a><a>Imprint</a>",
        ),
    ),
    "eine Cookie-Wand": (
        "consent_wall",
        page(
            "Birkenröder Bote",
            "<h2>Mit Werbung weiterlesen</h2><p>Wir und unsere Partner verwenden Cookies. Mit "
            "Ihrer Einwilligung zeigen wir personalisierte Werbung. Sie können dem zustimmen.</p>"
            "<a>Datenschutz</a><a>Impressum</a>",
        ),
    ),
    "un mur de cookies": (
        "consent_wall",
        page(
            "Le Courrier de Valmorin",
            "<p>Avec votre accord, nos partenaires et nous utilisons des cookies. Vous pouvez "
            "refuser ou accepter la publicité et le traitement des données.</p>",
        ),
    ),
    "a login page": (
        "login_wall",
        page("Log in | The Harbour Post", 'Name <input name="u"><input type="password">'),
    ),
    "a page that wants a subscription": (
        "login_wall",
        page("Subscribe to read | The Harbour Post", "<p>Choose your plan</p>"),
    ),
}


@pytest.mark.parametrize(("wall", "html"), WALLS.values(), ids=WALLS.keys())
def test_walls_are_known(wall, html):
    assert wall_of(html) == wall
    assert wall_of(html.encode()) == wall


COOKIE_LAW = (
    "The ministry wants an end to the cookie banner. Under the draft a site may ask for consent "
    "once a year. Publishers fear for their advertising. Their partners abroad would lose a tenth "
    "of what they earn, said a speaker of the association. Readers accept whatever makes the "
    "banner go away, a study of the university found in March. Privacy groups call the draft a "
    "first step. The vote is planned for the autumn session of parliament. Two of the three "
    "parties of the coalition have said they will vote for it. "
)
CAPTCHAS = (
    "Researchers of the technical university have built a program that solves picture puzzles. "
    "It ticks the box and even waits like a person would. Anyone asked to verify you are human "
    "will soon need another way to show it, they write. The puzzles began as a way to keep robots "
    "out of forums. Now the robots are better at them than most of us. "
)
MENU = "<nav><a>News</a><a>Sport</a><a>Culture</a><a>Weather</a></nav>"
NO_WALLS = {
    "a story": page("A pier for Pellworth", f"{MENU}<p>{SENTENCE * 3}</p>"),
    "a short story about cookies": page("The end of the banner", f"{MENU}<p>{COOKIE_LAW}</p>"),
    "a short story about captchas": page("Robots tick the box", f"{MENU}<p>{CAPTCHAS * 2}</p>"),
    "a story with a cookie banner": page(
        "A pier for Pellworth",
        f"<div>We and our partners use cookies for advertising. <button>Accept</button></div>"
        f"<p>{SENTENCE * 4}</p>",
    ),
    "a recipe for cookies": page(
        "Cookies | Baking with Ann",
        f"<p>{'Stir the butter into the flour and let it rest for an hour. ' * 20}</p>"
        "<footer>We use cookies. Privacy. Advertising</footer>",
    ),
    "a headline that is one word of a wall's title": page(
        "Zustimmung | Birkenröder Bote",
        f"<p>{'Der Rat hat dem Haushalt am Dienstag nach langer Rede den Weg frei gemacht. ' * 16}"
        "</p><footer>Cookies Datenschutz Werbung Zustimmung</footer>",
    ),
    "protection's scripts in a page that was let through": page(
        "A pier for Pellworth",
        "<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>"
        "<script>window.__CF$cv$params={r:'a'}; window._pxAppId='PX1'</script>"
        f"<div id='px-captcha'></div><p>{SENTENCE * 5}</p>",
    ),
    "protection's scripts in a page that scripts will fill": page(
        "A pier for Pellworth",
        "<script src='/_Incapsula_Resource?a=1'></script><div id=app></div>",
        '<script type="application/ld+json">{"@type": "NewsArticle"}</script>',
    ),
    "a story with a hidden login form": page(
        "A pier for Pellworth", f"<input type=password><p>{SENTENCE * 3}</p>"
    ),
    "a court's refusal": page(
        "Access denied", f"<p>The judge denied access to the files. {SENTENCE * 3}</p>"
    ),
    "a story under a path called consent": page("Law", f"{MENU}<p>{COOKIE_LAW * 3}</p>"),
    "nothing": "",
    "no html": "{}",
}


@pytest.mark.parametrize("html", NO_WALLS.values(), ids=NO_WALLS.keys())
def test_content_is_no_wall(html):
    url = "https://town.example/topics/consent/2024/login-of-a-king"
    assert wall_of(html, {"server": "cloudflare"}, url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://consent.google.com/ml?continue=https://news.google.com/",
        "https://consent.google.co.uk/m?continue=x",
        "https://consent.youtube.com/m",
        "https://consent.yahoo.com/v2/collectConsent?sessionId=1",
        "https://guce.techcrunch.example/consent",
        "https://myprivacy.dpgmedia.nl/consent?siteKey=1",
    ],
)
def test_address_of_a_consent_service_is_enough(url):
    assert wall_of(page("", SENTENCE * 100), url=url) == "consent_wall"


def test_address_that_only_looks_like_a_consent_service_is_not():
    story = page("Consent", f"<p>{SENTENCE * 4}</p>")
    assert wall_of(story, url="https://consent.town.example/a") is None
    assert wall_of(story, url="https://[broken") is None


def test_path_of_a_consent_page_needs_less_than_its_words_alone():
    talk = "<p>We and our partners use cookies. You can agree.</p>"
    html = page("Pellworth Gazette", talk + f"<p>{SENTENCE * 6}</p>")
    assert wall_of(html) is None
    assert wall_of(html, url="https://town.example/zustimmung?url=a") == "consent_wall"


def test_login_path_needs_a_password_field():
    url = "https://town.example/account/login?next=/a"
    assert wall_of(page("Gazette", "<input type='PassWord'>"), url=url) == "login_wall"
    assert wall_of(page("Gazette", "Hello"), url=url) is None


def test_challenge_header_needs_no_page():
    assert wall_of(b"", {"cf-mitigated": "challenge"}) == "bot_wall"
    assert wall_of(b"", {"cf-mitigated": "other"}) is None


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 50_000 + "x",
        "<script>" * 50_000,
        "<" * 500_000,
        "<form action=" * 50_000,
        "<title>" + "your cookie " * 50_000,
        "\x00" * 100_000 + "<p>x",
        "<p>\ud800",
    ],
    ids=["deep", "scripts", "angles", "forms", "title", "nul", "half a pair"],
)
def test_hostile_markup_is_read_in_no_time(html):
    assert wall_of(html) is None


def test_visible_text_is_what_a_reader_sees():
    html = page(
        "Title",
        "<p>One<br>two</p><script>no()</script><style>p{}</style><noscript>no</noscript>"
        "<ul><li>three<li>fo<b>ur</b></ul><!-- no -->",
    )
    assert visible_text(html) == "One two three four"
    assert visible_text("") == ""


@pytest.mark.skipif(not PAGES, reason="the samples are not beside the repository")
def test_no_real_page_is_taken_for_a_wall():
    found = {path.name: wall_of(gzip.decompress(path.read_bytes())) for path in PAGES}
    assert len(found) > 150
    assert {name: wall for name, wall in found.items() if wall} == {}


@pytest.mark.parametrize("body", ["\x0b!", "a &#8 b", "&#1;\x1b[0m", "\ufffe"])
def test_control_characters_upset_nothing(body):
    assert wall_of(body) is None
    assert wall_of(page("Just a moment...", body)) == "bot_wall"
