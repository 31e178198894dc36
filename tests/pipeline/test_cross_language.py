"""Events across languages, with a small multilingual model that is made here."""

import json
import re

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

# Words of one meaning in English, German and Spanish: one vector each.
MEANINGS = """
bridge brücke puente / closed gesperrt cerrado / cracks risse grietas / river fluss río
mayor bürgermeister alcalde / traffic verkehr tráfico / pillar pfeiler pilar / repair reparatur
reparación / engineers ingenieure ingenieros / cannery konservenfabrik conservera / fire feuer
incendio / workers arbeiter trabajadores / smoke rauch humo / injured verletzte heridos / boiler
kessel caldera / evacuated evakuiert evacuados / firefighters feuerwehr bomberos / regatta regatta
regata / rowers ruderer remeros / gold gold oro / team mannschaft equipo / finish ziel meta / won
gewann ganó / cheered jubelten aplaudieron
"""
STORIES = {
    ("bridge", "en"): (
        "Harrowick bridge closed after cracks",
        "The bridge over the river in Harrowick was closed on Tuesday after engineers had found 12 "
        "cracks in a pillar. The mayor said that the repair would take weeks and that traffic was "
        "being sent another way until the pillar is safe again.",
    ),
    ("bridge", "de"): (
        "Brücke in Harrowick wegen Risse gesperrt",
        "Die Brücke über den Fluss in Harrowick ist am Dienstag gesperrt worden, nachdem "
        "Ingenieure 12 Risse in einem Pfeiler gefunden hatten. Der Bürgermeister sagte, die "
        "Reparatur werde Wochen dauern, und der Verkehr werde umgeleitet, bis der Pfeiler wieder "
        "sicher sei.",
    ),
    ("bridge", "es"): (
        "Puente de Harrowick cerrado por grietas",
        "El puente sobre el río en Harrowick fue cerrado el martes después de que los ingenieros "
        "encontraran 12 grietas en un pilar. El alcalde dijo que la reparación durará semanas y "
        "que el tráfico se desvía hasta que el pilar vuelva a ser seguro.",
    ),
    ("cannery", "en"): (
        "Fire at Quellbach cannery, 7 injured",
        "A fire at the cannery in Quellbach has left 7 workers injured. The boiler burst on "
        "Tuesday morning and smoke filled the hall before the firefighters came. All the other "
        "workers were evacuated, and the fire was out by noon.",
    ),
    ("cannery", "de"): (
        "Feuer in Konservenfabrik Quellbach, 7 Verletzte",
        "Ein Feuer in der Konservenfabrik in Quellbach hat 7 verletzte Arbeiter gefordert. Der "
        "Kessel platzte am Dienstagmorgen, und Rauch füllte die Halle, ehe die Feuerwehr kam. "
        "Alle anderen Arbeiter wurden evakuiert, und das Feuer war bis zum Mittag gelöscht.",
    ),
    ("regatta", "de"): (
        "Regatta: Mannschaft aus Odelheim gewann Gold",
        "Die Ruderer aus Odelheim haben die Regatta gewonnen. Die Mannschaft kam mit 3 Längen "
        "Vorsprung ins Ziel und gewann Gold, und die Leute am Ufer jubelten, als die Mannschaft "
        "das Ziel erreichte. Es war das erste Gold seit vielen Jahren.",
    ),
    ("regatta", "es"): (
        "El equipo de Odelheim ganó el oro en la regata",
        "Los remeros de Odelheim vencieron en la regata. El equipo llegó a la meta con 3 cuerpos "
        "de ventaja y ganó el oro, y la gente en la orilla aplaudieron cuando el equipo cruzó la "
        "meta. Fue el primer oro en muchos años para el equipo.",
    ),
}


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory):
    """The folder of a model that gives words of one meaning one vector."""
    groups = [group.split() for group in " ".join(MEANINGS.split()).split(" / ")]
    vocabulary = {"[UNK]": 0}
    rows = [np.zeros(64, np.float32)]
    random = np.random.default_rng(0)
    for group in groups:
        meaning = random.normal(size=64).astype(np.float32)
        for word in group:
            if word not in vocabulary:
                vocabulary[word] = len(rows)
                rows.append(meaning)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("model") / "tiny-multilingual"
    table = StaticEmbedding(tokenizer, embedding_weights=np.array(rows))
    SentenceTransformer(modules=[table]).save(str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def told(tmp_path_factory, detect, multilingual):
    """``told(*flags)``: the stories by the event each is in."""
    file = tmp_path_factory.mktemp("input") / "stories.jsonl"
    lines = [
        {
            "title": title,
            "text": text,
            "url": f"https://{language}.example/{what}",
            "published": f"2026-03-03T{hour:02}:00:00Z",
        }
        for hour, ((what, language), (title, text)) in enumerate(STORIES.items(), 8)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def run(*flags):
        folder = tmp_path_factory.mktemp("out") / "out"
        output = detect(folder, "--input", str(file), "--model", multilingual, *flags)
        found = {}
        for article in output.rows("articles"):
            language, what = re.fullmatch(r"https://(\w+).example/(\w+)", article["url"]).groups()
            assert article["language"] == language
            found.setdefault(article["event_id"], set()).add((what, language))
        return sorted(found.values(), key=sorted)

    return run


def by_event():
    return [{key for key in STORIES if key[0] == what} for what in ("bridge", "cannery", "regatta")]


def test_with_cross_language_every_event_holds_its_reports_in_all_languages(told):
    assert told("--cross_language") == by_event()


def test_without_it_every_language_has_its_own(told):
    assert told() == [{key} for key in sorted(STORIES)]


def test_partitions_change_nothing_across_languages(told):
    assert told("--cross_language", "--partitions", "4") == by_event()
