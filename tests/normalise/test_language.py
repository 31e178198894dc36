import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from transforms.normalise.language import LanguageDetector, normalise_tag

GERMAN = "Der Stadtrat hat beschlossen, die alte Brücke für zwei Jahre zu sperren. " * 5
ENGLISH = "The council voted to close the old bridge for two years after the flood. " * 5


@pytest.fixture(scope="module")
def detector():
    return LanguageDetector()


@pytest.mark.parametrize(
    ("title", "body", "declared", "code"),
    [
        ("Brücke gesperrt", GERMAN, "", "de"),
        ("Brücke gesperrt", GERMAN, "en-US", "de"),
        ("Bridge closes", ENGLISH, "en-GB", "en"),
        ("Quake hits", "", "en-US", "en"),
        ("Quake hits", "", "", "und"),
        ("Quake hits", "", "xx", "und"),
        ("12:1", "", "", "und"),
        ("", "", "", "und"),
        ("日本で大きな地震がありました", "", "", "ja"),
        ("https://town.example/bridge-closes-for-two-years", "", "", "und"),
    ],
    ids=["long", "long, wrongly declared", "long, declared", "short, declared", "short",
         "short, unknown tag", "no letters", "empty", "short, own script", "address only"],
)  # fmt: skip
def test_the_language_is_detected_declared_or_undetermined(detector, title, body, declared, code):
    found = detector.detect(title, body, declared)
    assert found.code == code
    assert 0 <= found.confidence <= 1


def test_a_long_text_is_detected_with_confidence(detector):
    assert detector.detect("", ENGLISH).confidence > 0.9


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en-US", "en"), ("pt_BR", "pt"), ("EN", "en"), ("English", "en"), ("nb-NO", "no"),
     ("deu", "de"), ("iw", "he"), ("zh-Hans-CN", "zh"), (" de, en", "de"), ("", "")],
)  # fmt: skip
def test_a_tag_is_reduced_to_its_language(tag, code):
    assert normalise_tag(tag) == code


def test_scores_are_those_of_the_library():
    own, plain = (
        LanguageDetector()._identifier,
        LanguageIdentifier.from_model_file(MODEL_FILE, True),
    )
    plain.set_languages(sorted(code for code in plain.labels if len(code) == 2))
    for text in (GERMAN, ENGLISH, "日本で大きな地震がありました", "Наводнение в порту", ""):
        assert own.rank(text) == plain.rank(text)
