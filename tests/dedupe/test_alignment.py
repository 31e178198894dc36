from transforms.dedupe.alignment import align
from transforms.dedupe.tokens import read_tokens


def laid(new, old):
    return align(read_tokens(new), read_tokens(old))


def test_equal_texts_exchange_nothing(story):
    found = laid(story, story)
    assert found.exchanged == (0, 0, 0, 0)
    assert (found.parallel_new, found.parallel_old) == (1.0, 1.0)


def test_an_exchange_is_counted_by_its_class(story):
    changed = story.replace("Forty", "Fifty").replace("Tansy", "Solway").replace("burns", "cuts")
    assert laid(changed, story).exchanged == (1, 1, 1, 0)


def test_results_turned_round_are_exchanges(story):
    one, other = (f"{story} It ended {a} to {b} that evening at the old ground there."
                  for a, b in ((3, 1), (1, 3)))  # fmt: skip
    assert laid(other, one).exchanged == (0, 2, 0, 0)


def test_moved_sentences_exchange_nothing(story, sentences):
    moved = ". ".join([*sentences(story)[5:], *sentences(story)[:5]])
    assert laid(moved, story).exchanged == (0, 0, 0, 0)


def test_clutter_at_both_ends_stands_opposite_nothing(story):
    head = "Harbour Post, 3 March 2026. Subscribe for 9 euros a month to read all of our reports."
    foot = "More from Ellbrook, Pellworth and Dunmow: 12 hurt in crash, 7 fined by the court."
    found = laid(f"{head} {story} {foot}", story)
    assert found.exchanged == (0, 0, 0, 0)
    long = f"{story} {story[300:]} Nobody knows."
    assert laid(f"{head} {long}", f"Valley Courier, 4 April 2026. {long}").exchanged == (0, 0, 0, 0)
    assert found.parallel_old == 1.0
    assert found.parallel_new < 0.9


def test_texts_without_a_common_run_are_not_laid(story, other_story):
    assert laid(story, other_story).parallel_new < 0.1
    assert laid("One word", "One word").compared == (0, 0, 0, 0)


def test_teasers_of_two_sites_inside_a_text_are_no_exchange(story, sentences):
    own = sentences(story)
    first = "Read also how the mayor of Dunmow lost 12 votes and what the council will do next"
    other = "More on this topic in our special report with 30 photographs by Jonas Holm of Almsea"
    one, two = (". ".join([*own[:5], teaser, *own[5:]]) for teaser in (first, other))
    assert laid(one, two).exchanged[1:] == (0, 0, 0)
