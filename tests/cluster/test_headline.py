"""Titles of events: invented headlines, with one or more that a desk would take."""

from itertools import pairwise

import pytest

from transforms.cluster.headline import shown_title
from transforms.cluster.noise import flaws

# Each story: titles fit to speak for it, then decoys; the order of arrival is that of ``ORDER``.
STORIES = {
    "a question": (
        ["Cannery fire in Harrowick kills three workers", "Three killed in Harrowick cannery fire"],
        ["Was the Harrowick cannery fire that killed three avoidable?", "Cannery fire: who knew?"],
    ),
    "a live blog": (
        ["Storm Odette cuts power to 40,000 homes in Kessaria",
         "40,000 homes in Kessaria without power after Storm Odette"],
        ["LIVE: Storm Odette hits Kessaria, power cut to homes",
         "Storm Odette Kessaria live updates: 40,000 homes without power"],
    ),
    "a list": (
        ["Lumina unveils folding phone in Port Ellery", "Lumina shows its first folding phone"],
        ["7 things to know about Lumina's folding phone", "5 reasons the Lumina phone folds"],
    ),
    "an opinion": (
        ["Parliament of Ostenby votes to raise pension age to 67",
         "Ostenby raises pension age to 67 after parliament vote"],
        ["Opinion: Ostenby parliament's pension age vote is a betrayal",
         "Pension age at 67: a betrayal of Ostenby | Commentary"],
    ),
    "shouting": (
        ["Train derails near Dunmarrow, twelve injured",
         "Twelve injured as train derails near Dunmarrow"],
        ["TRAIN DERAILS NEAR DUNMARROW TWELVE INJURED", "TRAIN HORROR near DUNMARROW"],
    ),
    "a title without its end": (
        ["Court clears former mayor of Skerra of bribery",
         "Former mayor of Skerra cleared of bribery by court"],
        ["Court clears former mayor of Skerra of bribery after a trial that ...",
         "Former mayor of Skerra cleared of bribery by the court in …"],
    ),
    "a video": (
        ["Ferry runs aground off Pellworth with 80 aboard",
         "Ferry with 80 aboard runs aground off Pellworth"],
        ["WATCH: Ferry runs aground off Pellworth", "Ferry aground off Pellworth [VIDEO]"],
    ),
    "a teaser": (
        ["Rovers win cup final against Marlowe on penalties",
         "Rovers beat Marlowe on penalties to win cup final"],
        ["You won't believe how Rovers won the cup final against Marlowe",
         "Here's what happened next as Rovers won the cup final"],
    ),
    "words in quotes": (
        ["Minister Odell Finch resigns over harbour contract",
         "Odell Finch quits as minister over harbour contract"],
        ["“I have done nothing wrong over the harbour contract”",
         "'I have nothing to hide': Odell Finch on the harbour contract"],
    ),
    "two words": (
        ["Central bank of Kestrel lifts interest rate to 4.5 percent",
         "Kestrel's central bank raises interest rate to 4.5 percent"],
        ["Rate rise", "Kestrel bank"],
    ),
    "a remark beside the matter": (
        ["Volcano on Oruma erupts, villages evacuated",
         "Villages evacuated as Oruma volcano erupts"],
        ["Mountaineers recall better days", "Airline shares fall on a quiet afternoon"],
    ),
    "German": (
        ["Explosion in Birkenroder Chemiewerk: zwei Tote",
         "Zwei Tote nach Explosion im Chemiewerk Birkenrode"],
        ["Liveticker: Explosion im Chemiewerk Birkenrode", "Warum das Chemiewerk explodierte",
         "Kommentar: Explosion im Chemiewerk war absehbar"],
    ),
    "Spanish": (
        ["Un terremoto de magnitud 6 sacude Valmorina",
         "Terremoto de magnitud 6 sacude la ciudad de Valmorina"],
        ["¿Por qué tiembla la tierra en Valmorina?", "Cinco claves: 5 claves del terremoto",
         "EN VIVO: terremoto de magnitud 6 sacude Valmorina"],
    ),
    "Japanese": (
        ["大雨でオルマ川が氾濫し住民が避難", "オルマ川が大雨で氾濫、住民五百人が避難"],
        ["オルマ川はなぜ氾濫したのか？", "オルマ川が大雨で氾濫し住民が避…"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("first", ["decoys", "good"])
@pytest.mark.parametrize("story", STORIES)
def test_no_decoy_speaks_for_an_event(described, story, first):
    good, decoys = STORIES[story]
    titles = [*decoys, *good] if first == "decoys" else [*good, *decoys]
    assert described([{"title": title} for title in titles]).title in good


def test_the_most_agreed_wording_wins_over_the_first_title(described):
    titles = [
        "Smoke seen above the docks of Port Ellery",
        "Warehouse fire at Port Ellery docks kills two",
        "Two killed in warehouse fire at Port Ellery docks",
        "Port Ellery warehouse fire leaves two dead",
    ]
    assert described([{"title": title} for title in titles]).title in titles[1:]


def test_a_toll_that_the_later_titles_give_replaces_the_first_one(described):
    early = [f"Quake in Oruma kills {word} people" for word in ("12", "12")]
    late = ["Oruma quake kills 240 people", "Quake in Oruma kills 240 people"] * 3
    articles = [
        {"title": f"{title}, {number} agencies report", "article_id": f"n{number}"}
        for number, title in enumerate([*early, *late])
    ]
    assert "240" in described(articles).title


def test_the_earlier_of_two_equal_titles_stays(described):
    titles = ["Old bridge at Kettlewick closed", "Kettlewick: old bridge closed at noon"]
    first = described([{"title": titles[0]}])
    assert first.title == titles[0]
    same = described([{"title": titles[0]}, {"title": titles[0] + "."}])
    assert same.article_id == first.article_id == "a0"


def test_an_article_without_a_date_comes_last_among_equals(described):
    title = "Old bridge at Kettlewick closed"
    told = described([{"title": title, "time_known": False}, {"title": title}])
    assert told.article_id == "a1"


def test_the_title_seldom_changes_while_an_event_grows(described):
    places, verbs = ("quay", "dock", "harbour", "port"), ("burns", "in flames", "ablaze")
    titles = [
        {"title": f"Cannery at Harrowick {place} {verb} for {hour} hours", "article_id": f"n{hour}"}
        for hour, (place, verb) in enumerate(
            (place, verb) for _ in range(5) for place in places for verb in verbs
        )
    ]
    said = [described(titles[:size]).title for size in range(1, len(titles) + 1)]
    assert sum(a != b for a, b in pairwise(said)) <= 12


@pytest.mark.parametrize(
    ("title", "family", "shown"),
    [
        ("Quay shut - The Harbour Post", "harbourpost.example", "Quay shut"),
        ("Quay shut | harbourpost.example", "harbourpost.example", "Quay shut"),
        ("Quay shut – why it matters", "harbourpost.example", "Quay shut – why it matters"),
        ("Harbour Post", "harbourpost.example", "Harbour Post"),
        ("word " * 200, "", ("word " * 60).strip() + "…"),
    ],
)
def test_a_title_is_shown_without_the_site_and_not_without_end(title, family, shown):
    assert shown_title(title, family) == shown


@pytest.mark.parametrize(
    "title",
    [
        "12 dead in Harrowick cannery fire",
        "Ostenby: river bursts its banks after 3 days of rain",
        "NATO and UN condemn attack on Skerra",
        "Lumina's AGX-7 rocket reaches orbit at first try",
        "Le gouvernement de Valmorin présente son budget",
        "Präsident von Birkenrode tritt nach Skandal zurück",
        "Live animal exports banned in Kessaria",
    ],
)
def test_a_plain_title_has_no_flaw(title):
    assert flaws(title) == ()


@pytest.mark.parametrize(
    ("title", "flaw"),
    [
        ("Is the bridge at Kettlewick safe?", "question"),
        ("ケトルウィック橋は安全なのでしょうか？", "question"),
        ("هل الجسر القديم في المدينة آمن؟", "question"),
        ("What a day for the bridge at Kettlewick!", "exclamation"),
        ("The 10 best photos of the bridge at Kettlewick", "listicle"),
        ("10 Gründe für die neue Brücke in Birkenrode", "listicle"),
        ("Liveticker: Brücke in Birkenrode gesperrt", "label"),
        ("FULL TEXT: speech at the bridge of Kettlewick", "label"),
        ("Bridge at Kettlewick closed (with video)", "label"),
        ("Titan North review: bridges and knights", "label"),
        ("This is how the bridge at Kettlewick looks", "teaser"),
        ("Everything you need to know about the bridge", "teaser"),
        ("The old bridge at Kettlewick was closed for...", "truncated"),
        ("BRIDGE AT KETTLEWICK CLOSED", "shouting"),
        ("“We will close it at noon”", "quote"),
        ("Bridge closed", "short"),
        ("word " * 60, "long"),
    ],
)
def test_a_flaw_is_seen(title, flaw):
    assert flaw in flaws(title)
