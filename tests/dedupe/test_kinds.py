"""Copies of every kind, and reports that only look like copies, through the whole index."""

import json
import pickle
import random
import time
from pathlib import Path

import numpy as np
import pytest

from transforms.dedupe.duplicate_index import DuplicateIndex
from transforms.dedupe.fingerprint import fingerprint

HARD_PAIRS = Path(__file__).parents[1] / "quality" / "hard_pairs.jsonl"
WEATHER = (
    "The day in {0} begins with {1} degrees and fog in the low places. By noon the thermometer "
    "climbs to {2} degrees, and in the hills it stays at {3}. The wind blows from the west with up "
    "to {4} kilometres an hour. The sun rises at 6:{5} and sets at 19:{6}. It stays changeable on "
    "{7}, and the pollen count is low throughout the county, the weather service said."
)
COURT = (
    "Cases heard at the district court on {7}: Marta {0}, {1}, of Dunmow, for theft, fined {2}. "
    "Jonas {8}, {3}, of Almsea, for driving without a licence, fined {4} and banned for {9} "
    "months. The court sits again next week at nine in the morning, and hearings are open "
    "to the public as far as there are seats in the hall."
)
PACKAGE = (
    "The member states have agreed on the {0} package of sanctions, diplomats said. It lists more "
    "ships and more people, whose accounts are frozen. Ambassadors had talked about it since the "
    "start of the month. It is to be published in the official journal this week and enters into "
    "force on the following day, the presidency said, and thanked the delegations for patience."
)
LOTTERY = (
    "The following numbers were drawn in the lottery: {1}, {2}, {3}, {4}, {5} and {6}. All details "
    "are given without guarantee. The jackpot was not won and is carried over. The next draw takes "
    "place at the usual time and will be shown on the channel of the lottery company."
)
CLOSINGS = (
    "The leading index closed at {1}.{2} points after a quiet session. {0} Motors gained most and "
    "ended at {3}.{4}, while {8} Steel lost and was quoted at {5}.{6} in the evening. Government "
    "bonds were little changed. Traders look ahead to the decision of the central bank next week."
)
RESULTS = (
    "All the results of the matchday: {0} against Almsea {1}:{2}, {8} against Dunmow {3}:{4}. The "
    "next matchday is played on Saturday. The association asks clubs to hand in their reports "
    "within two days, as its rules require, and to name the referees who were on duty."
)
FACTS = (
    ("Brandt", 12, 19, 8, 30, 41, 22, "Monday", "Keller", "three"),
    ("Castell", 15, 23, 11, 45, 38, 27, "Thursday", "Holm", "seven"),
)


def facts(template, which):
    values = FACTS[which] if template is not PACKAGE else (("12th",), ("13th",))[which]
    return template.format(*values)


def verdicts(embed, *texts):
    """Feed texts with vectors that have nothing in common; give the last verdict."""
    index = DuplicateIndex(64)
    for number, text in enumerate(texts):
        vector = np.eye(64, dtype="<f4")[number].tobytes()
        last = index.assign(embed(str(number), text, embedding=vector))
    return last.verdict


TEMPLATES = pytest.mark.parametrize(
    "template",
    [
        pytest.param(template, id=name)
        for name, template in (
            ("weather", WEATHER), ("court", COURT), ("package", PACKAGE), ("lottery", LOTTERY),
            ("closings", CLOSINGS), ("results", RESULTS),
        )
    ],
)  # fmt: skip


@TEMPLATES
def test_a_report_of_the_same_template_is_no_copy(embed, template):
    found = verdicts(embed, facts(template, 0), facts(template, 1))
    assert found.kind == "none"


@TEMPLATES
def test_a_copy_of_a_templated_report_is_found_among_its_like(embed, template):
    wanted = facts(template, 1)
    clutter = f"Advertisement. Scroll on.\n\n{wanted}\n\nShare this article with friends."
    assert verdicts(embed, facts(template, 0), wanted, wanted).of == "1"
    assert verdicts(embed, facts(template, 0), wanted, clutter).of == "1"


def test_results_turned_round_are_no_copy(embed):
    text = "{} in the match that all of the town had waited for, with rain until the end. " * 1
    tail = (
        "The next matchday is played on the weekend. The association asks clubs to hand in their "
        "reports within days, as its rules require, and to name the referees who were on duty."
    )
    first = text.format("Almsea beat Dunmow by 3 to 1") + tail
    other = text.format("Almsea beat Dunmow by 1 to 3") + tail
    assert verdicts(embed, first, other).kind == "none"


def test_a_retold_story_with_other_names_and_numbers_is_no_copy(embed, story):
    other = story
    for old, new in (("Ellbrook", "Pellworth"), ("Marta Quill", "Jonas Holm"), ("1921", "1954"),
                     ("Tansy", "Solway"), ("Harrowick", "Dunmow"), ("180", "240"),
                     ("Odell Finch", "Ines Vale"), ("Forty", "Sixty")):  # fmt: skip
        other = other.replace(old, new)
    assert verdicts(embed, story, other).kind == "none"


def test_edits_that_hit_names_and_numbers_too_leave_a_copy(embed, story, reword):
    for seed in range(20):
        edited = reword(story.replace("180", "190").replace("Finch", "Fynch"), 0.2, seed)
        assert verdicts(embed, story, edited).of == "0", seed


def test_a_cut_copy_with_edits_and_clutter_is_found(embed, story, sentences, reword):
    cut = reword(". ".join(sentences(story)[:7]), 0.05)
    found = verdicts(embed, story, f"Subscribe. Sign in. {cut} Follow us on our channels.")
    assert (found.kind, found.of) == ("near_verbatim", "0")


def test_a_new_lead_leaves_a_copy(embed, story, sentences):
    lead = "Much is still open after the night at the plant, and readers have asked us for more"
    assert verdicts(embed, story, ". ".join([lead, *sentences(story)[1:]])).of == "0"


def test_an_exact_copy_is_found_behind_any_number_of_look_alikes(embed):
    # Their 3-grams stand in too many reports to propose anyone, and the vectors are equal.
    index = DuplicateIndex(64)
    for number in range(260):
        text = WEATHER.format("Almsea", number, number + 7, 3, number * 3, 11, 12, "Monday")
        found = index.assign(embed(str(number), text, title="Weather")).verdict
        assert found.kind == "none"
    text = WEATHER.format("Almsea", 100, 107, 3, 300, 11, 12, "Monday")
    assert index.assign(embed("copy", text, title="Weather")).verdict.of == "100"


CHINESE = (
    "周一凌晨，港口城市艾尔布鲁克的一座粮仓起火，浓烟在数公里外都能看到。消防队长表示，四十名工人被疏散，"
    "三人在县医院接受治疗。火灾原因尚不清楚，警方已经展开调查。市长说，体育馆将向无法回家的居民开放。"
    "公司发言人表示，生产将转移到邻近城市的工厂，至少持续六个星期，工会要求公布所有安全检查的报告。"
)
JAPANESE = (
    "月曜日の未明、港町エルブルックの穀物倉庫で火災が発生し、煙は数キロ離れた場所からも見えた。消防によると、"
    "作業員四十人が避難し、三人が病院で手当てを受けた。原因はまだ分かっておらず、警察が調べている。市長は"
    "体育館を住民に開放すると述べた。会社は生産を隣の町の工場に移すとしている。"
)
THAI = (
    "เกิดเหตุไฟไหม้โกดังเก็บข้าวที่เมืองท่าเมื่อเช้ามืดวันจันทร์ ควันสามารถมองเห็นได้จากระยะไกลหลายกิโลเมตร "
    "หัวหน้าหน่วยดับเพลิงกล่าวว่าคนงานสี่สิบคนถูกอพยพออกจากอาคาร และสามคนได้รับการรักษาที่โรงพยาบาล "
    "ตำรวจกำลังสอบสวนสาเหตุของเพลิงไหม้ นายกเทศมนตรีกล่าวว่าจะเปิดโรงยิมสำหรับครอบครัวที่ไม่สามารถกลับบ้านได้"
)
ARABIC = (
    "اندلع حريق في مستودع للحبوب في المدينة الساحلية فجر يوم الاثنين وشوهد الدخان من مسافة عدة "
    "كيلومترات. وقال قائد فرقة الإطفاء إن أربعين عاملا نقلوا من المبنى وإن ثلاثة منهم عولجوا في "
    "المستشفى. وتحقق الشرطة في سبب الحريق. وقال رئيس البلدية إن القاعة الرياضية ستفتح للعائلات."
)
GERMAN = (
    "Ein Feuer hat in der Nacht zum Montag einen Speicher in der Hafenstadt zerstört. Der Rauch "
    "war in vielen Kilometern Entfernung zu sehen. Vierzig Arbeiter wurden in Sicherheit gebracht, "
    "drei kamen ins Krankenhaus. Die Polizei ermittelt zur Ursache des Brandes. Die Stadt öffnet "
    "die Turnhalle für Familien, die nicht nach Hause können, wie der Bürgermeister sagte."
)
SCRIPTS = (CHINESE, JAPANESE, THAI, ARABIC, GERMAN)
IN_SCRIPTS = pytest.mark.parametrize("text", SCRIPTS, ids=["zh", "ja", "th", "ar", "de"])


@IN_SCRIPTS
def test_copies_are_found_in_every_script(embed, text):
    others = [other for other in SCRIPTS if other is not text]
    cut = text[: len(text) * 3 // 5]
    assert verdicts(embed, text, *others, text).kind == "exact_text"
    assert verdicts(embed, text, *others, f"{text}\n\n12 {text[:9]} 34").of == "0"
    assert verdicts(embed, text, *others, cut).of == "0"


CHINESE_BUDGET = (
    "市议会周二批准了新的预算。议员们就学校和道路的支出讨论了几个小时，市长表示感谢。反对党批评说，"
    "给公园和图书馆的钱太少，下个月将再次表决，届时居民也可以发言，会议对公众开放。"
)
JAPANESE_BUDGET = (
    "市議会は火曜日に新しい予算を可決した。学校と道路の支出について議員が数時間議論し、市長は感謝を述べた。"
    "野党は公園と図書館の予算が少なすぎると批判している。来月に再び採決が行われる。"
)


@pytest.mark.parametrize(
    "text, other",
    [(CHINESE, CHINESE_BUDGET), (JAPANESE, JAPANESE_BUDGET)],
    ids=["zh", "ja"],
)
def test_other_stories_are_no_copies_without_spaces_either(embed, text, other):
    assert verdicts(embed, text, other).kind == "none"


@pytest.mark.parametrize("old, new", [("四十", "六十"), ("周一", "周二")])
def test_other_numbers_in_signs_are_no_copy(embed, old, new):
    assert verdicts(embed, CHINESE, CHINESE.replace(old, new)).kind == "none"


@pytest.mark.parametrize("text", ["", " ", "...", "Yes.", "Fire out", "!" * 5000, "\U0001f525"])
def test_texts_of_hardly_any_words(embed, text, story):
    other = verdicts(embed, story, text)
    assert other.kind == "none"
    again = verdicts(embed, text, text)
    assert again.kind in ("exact_text", "none")


def test_short_texts_with_other_facts_are_no_copies(embed):
    first = "Fire in Dunmow is out, says the brigade; the road to Almsea is open again"
    other = "Fire in Pellworth is out, says the brigade; the road to Hythe is open again"
    assert verdicts(embed, first, other).kind == "none"
    assert verdicts(embed, first, first + ".").kind == "exact_text"


def test_endless_repetition_is_compared_like_any_text(embed):
    text = "storm " * 1_000_000
    started = time.process_time()
    assert verdicts(embed, text, text).kind == "exact_text"
    assert verdicts(embed, "storm " * 999, text).kind in ("near_verbatim", "none")
    assert time.process_time() - started < 30


def test_a_megabyte_of_text_keeps_a_bounded_state(embed):
    chooser = random.Random(3)
    text = " ".join(f"w{chooser.randrange(50_000)}" for _ in range(170_000))
    assert len(text) > 1_000_000
    index = DuplicateIndex(64)
    index.assign(embed("a", text))
    assert len(pickle.dumps(fingerprint(embed("a", text)))) < 100_000
    assert index.assign(embed("b", text)).verdict.kind == "exact_text"
    assert index.assign(embed("c", "New lead today. " + text)).verdict.kind == "near_verbatim"


def test_verdicts_do_not_depend_on_the_process(embed, story, reword):
    texts = [story, reword(story, 0.1), reword(story, 0.3)]
    assert verdicts(embed, *texts) == verdicts(embed, *texts)


def test_no_story_of_the_hard_pairs_is_a_copy_of_another(embed):
    texts = [json.loads(line) for line in HARD_PAIRS.read_text(encoding="utf-8").splitlines()]
    labels = {record["id"]: record["label"] for record in texts}
    index = DuplicateIndex(128)
    copies = []
    for number, record in enumerate(texts):
        if record["text"]:
            vector = np.eye(128, dtype="<f4")[number].tobytes()
            verdict = index.assign(embed(record["id"], record["text"], embedding=vector)).verdict
            copies += [(record["id"], verdict.of)] * (verdict.kind != "none")
    assert copies
    assert [pair for pair in copies if labels[pair[0]] != labels[pair[1]]] == []


def test_the_first_is_no_copy_of_the_second(embed):
    first, second = (PACKAGE.format(number) for number in ("first", "second"))
    assert verdicts(embed, first, second).kind == "none"


QUAKE = (
    "中国地震台网正式测定：{0}日{1}分在{2}发生{3}级地震，震源深度{4}千米。目前暂无人员伤亡报告。当地应急管理部门已派出工作组赶赴现场"
    "核查灾情，消防救援队伍已经集结待命。专家提醒公众注意防范余震，不要相信和传播谣言。"
)


def test_two_quakes_in_one_form_of_words_are_two_in_chinese_as_well(embed):
    one = QUAKE.format("3月2", "08时15", "四川甘孜州", "4.2", "10")
    other = QUAKE.format("3月5", "21时40", "新疆喀什地区", "5.1", "15")
    assert verdicts(embed, one, other).kind == "none"
    assert verdicts(embed, one, f"快讯。{one}").kind != "none"


BYPASS = (
    "The council voted on the plan for a bypass around the town after a debate of some hours. "
    "Residents had packed the gallery. The leader of the council said that it had not been easy, "
    "and that officers would now write to the ministry. It voted to {0} the plan. Campaigners said "
    "they would go on working for what they believed was right for the town."
)
WARNING = (
    "A warning is in force for the {0} of the country from this evening until noon. Gusts may be "
    "strong on the coast, and drivers are asked to take care on exposed bridges. Ferry companies "
    "have said that some crossings may be cancelled. Households are asked to bring in furniture."
)


@pytest.mark.parametrize(
    "text, one, other",
    [(BYPASS, "approve", "reject"), (WARNING, "north", "south"), (WARNING, "northeast", "west")],
)
def test_one_word_with_an_opposite_tells_of_another_thing(embed, text, one, other):
    assert verdicts(embed, text.format(one), text.format(other)).kind == "none"
    assert verdicts(embed, text.format(one), text.format(one)).kind == "exact_text"


ARABIC_RAIN = (
    "أعلنت هيئة الأرصاد أن أمطارا غزيرة ستهطل على منطقة {0} خلال الساعات المقبلة مع رياح قوية. "
    "ودعت السلطات السكان إلى الابتعاد عن مجاري الأودية وعدم الالتفات إلى الشائعات واتباع تعليمات "
    "الدفاع المدني. وأغلقت المدارس أبوابها وانتشرت فرق الإنقاذ في القرى المجاورة."
)
HINDI_RAIN = (
    "मौसम विभाग ने {0} के लिए भारी बारिश की चेतावनी जारी की है। कई इलाकों में तेज हवाओं के साथ बारिश हो सकती "
    "है। प्रशासन ने लोगों से नदी के किनारे न जाने की अपील की है। स्कूलों में अवकाश घोषित किया गया है और राहत दल "
    "तैनात किए गए हैं। मछुआरों को समुद्र में न जाने की सलाह दी गई है।"
)


@pytest.mark.parametrize(
    "text, one, other",
    [(ARABIC_RAIN, "طنجة", "أكادير"), (HINDI_RAIN, "केरल", "गुजरात")],
    ids=["ar", "hi"],
)
def test_one_word_may_be_the_place_where_no_capital_marks_it(embed, text, one, other):
    assert verdicts(embed, text.format(one), text.format(other)).kind == "none"


@pytest.mark.parametrize(
    "one, other",
    [("Twelve", "Fifteen"), ("On Monday 12", "On Friday 15"), ("In Ellbrook 12", "In Ellbrook 15")],
)
def test_facts_in_the_first_words_of_a_long_text_count(embed, story, one, other):
    text = " of the members voted on Tuesday to build the bypass. " + 3 * f"{story} "
    assert len(text.split()) > 200
    assert verdicts(embed, one + text, other + text).kind == "none"


CRASH = (
    "A {0} has died after the {1} {2} was driving left the {3} near {4} on Tuesday evening and hit "
    "a tree. The {5}-year-old was taken to hospital by helicopter but died there. The road was "
    "closed for {6} hours while officers looked at the scene. Anyone who saw the {1} before it "
    "left the road is asked to call the police. Specially trained officers support the family."
)
EARNINGS = (
    "{0} said on Tuesday that it made a {1} of {2} million in the quarter, after sales of {3} grew "
    "by {4} percent. Chief executive {5} said the year had begun as planned. The company {6} its "
    "forecast for the year. Analysts had asked whether prices could hold in the autumn. The shares "
    "rose in early trade. The company employs {7} people and will report again in the summer."
)


@pytest.mark.parametrize(
    "template, one, other",
    [
        (
            CRASH,
            ("man", "van", "he", "B407", "Kelby", 61, "four"),
            ("woman", "car", "she", "A12", "Dunmore", 34, "six"),
        ),
        (
            EARNINGS,
            ("Tarn Software", "profit", 120, "cloud services", 8, "Ida Moss", "raised", "9,000"),
            ("Brix Motors", "loss", 45, "vans", 3, "Otto Lang", "cut", "31,000"),
        ),
    ],
    ids=["crash", "earnings"],
)
def test_facts_of_all_kinds_count_together(embed, template, one, other):
    assert verdicts(embed, template.format(*one), template.format(*other)).kind == "none"


CHINESE_CRASH = (
    "{0}消防部门表示，周一晚上一家{1}发生火灾，造成{2}人死亡，{3}人受伤。大火在两个小时后被扑灭，附近居民已被疏散到"
    "学校体育馆。起火原因正在调查中，有关负责人已被警方控制。医院表示伤者情况稳定，家属已经赶到。"
)


def test_a_template_without_capitals_is_no_copy(embed):
    one = CHINESE_CRASH.format("成都", "工厂", "七", "十二")
    other = CHINESE_CRASH.format("杭州", "公寓", "三", "五")
    assert verdicts(embed, one, other).kind == "none"
    assert verdicts(embed, one, f"本报讯。{one}责任编辑王某").kind != "none"
