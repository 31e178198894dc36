import numpy as np

from transforms.embed.recent import RecentVectors


class Counting:
    def __init__(self, encoder):
        self.encoder, self.asked = encoder, []
        self.model_id, self.dim = encoder.model_id, encoder.dim

    def encode(self, texts):
        self.asked.append(list(texts))
        return self.encoder.encode(texts)


def test_a_text_is_encoded_once_until_enough_others_came(fake_encoder) -> None:
    counting = Counting(fake_encoder)
    recent = RecentVectors(counting, most=2)
    for texts in (["a", "b", "a"], ["b"], ["b", "c"], ["b"], ["a"]):
        np.testing.assert_array_equal(recent.encode(texts), fake_encoder.encode(texts))
    assert counting.asked == [["a", "b"], ["c"], ["a"]]


def test_a_call_of_more_texts_than_are_kept_gets_them_all(fake_encoder) -> None:
    recent = RecentVectors(fake_encoder, most=3)
    texts = [f"text {number}" for number in range(10)]
    np.testing.assert_array_equal(recent.encode(texts), fake_encoder.encode(texts))
    assert len(recent._kept) == 3


def test_no_texts_have_no_vectors(fake_encoder) -> None:
    assert RecentVectors(fake_encoder).encode([]).shape == (0, fake_encoder.dim)


def test_broken_unicode_is_passed_on_as_it_came() -> None:
    class Any:
        model_id, dim = "any@000000000000#1", 1

        def encode(self, texts):
            return np.array([[float(ord(text[0]))] for text in texts], np.float32)

    assert RecentVectors(Any()).encode(["\ud800", "\udfff"]).tolist() == [[0xD800], [0xDFFF]]


def test_what_is_kept_does_not_hold_the_call_it_came_in(fake_encoder) -> None:
    recent = RecentVectors(fake_encoder)
    recent.encode(["a", "b"])
    assert all(vector.base is None for vector in recent._kept.values())
