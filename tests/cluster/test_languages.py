import pytest

from transforms._shared.scripts import has_capitals, is_latin
from transforms.cluster.languages import common_words, split_signs


@pytest.mark.parametrize(
    ("language", "common", "telling"),
    [
        ("es", "los", "puente"),
        ("de", "und", "brücke"),
        ("ru", "что", "трещины"),
        ("ar", "في", "مصنع"),
    ],
)
def test_short_frequent_words_are_common_and_others_are_not(language, common, telling):
    assert common in common_words(language)
    assert telling not in common_words(language)


@pytest.mark.parametrize("language", ["en", "", "und", "xx"])
def test_nothing_is_added_where_the_background_table_serves_or_nothing_is_known(language):
    assert common_words(language) == frozenset()


@pytest.mark.parametrize(
    ("word", "pairs"),
    [
        ("bridge", ["bridge"]),
        ("大桥", ["大桥"]),
        ("桥", ["桥"]),
        ("大桥关闭", ["大桥", "桥关", "关闭"]),
        ("ai技术3号", ["ai", "技术", "3", "号"]),
        ("カメラ店", ["カメ", "メラ", "ラ店"]),
        ("ไฟไหม้", ["ไฟ", "ฟไ", "ไห", "หม", "ม้"]),
    ],
)
def test_what_is_written_without_spaces_is_split_into_pairs(word, pairs):
    assert split_signs([word]) == pairs


@pytest.mark.parametrize(
    ("text", "capitals"),
    [
        ("Harrowick bridge closed", True),
        ("Мост закрыт", True),
        ("桥梁关闭", False),
        ("أغلق الجسر", False),
        ("पुल बंद", False),
        ("", True),
        ("12:30", True),
    ],
)
def test_scripts_with_capitals_are_told_from_those_without(text, capitals):
    assert has_capitals(text) is capitals


@pytest.mark.parametrize(
    ("text", "latin"),
    [("Brücke in Łódź", True), ("Мост закрыт", False), ("大桥关闭 ABC", False), ("", True)],
)
def test_latin_script_is_told_from_others(text, latin):
    assert is_latin(text) is latin
