"""The search by cosine: as good as looking at every vector exactly, and always the same."""

import faiss
import numpy as np
import pytest

from transforms.dedupe.vectors import VectorShard, nearest

DIM = 384


def _unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def _clustered(count, seed=3):
    """Vectors in groups of about twenty, as the stories of a day are."""
    chooser = np.random.default_rng(seed)
    topics = chooser.standard_normal((count // 20 + 1, DIM))
    group = chooser.integers(0, len(topics), count)
    return _unit(topics[group] + 0.9 * chooser.standard_normal((count, DIM)))


def _filled(vectors):
    shard = VectorShard(vectors.shape[1])
    for vector in vectors:
        shard.add(vector)
    return shard


def search(shard, query, k):
    """Search one slice of a window."""
    return [(cosine, place) for cosine, _, place in nearest({7: shard}, query, k)]


def _exact(vectors, query, k):
    cosines = [float(np.dot(query, vector)) for vector in vectors]
    best = sorted(range(len(cosines)), key=lambda place: (-cosines[place], place))[:k]
    return [(cosines[place], place) for place in best]


@pytest.mark.parametrize("count", [0, 1, 5, 24, 56])
def test_a_small_shard_answers_exactly(count):
    vectors = _clustered(60)
    assert search(_filled(vectors[:count]), vectors[59], 24) == _exact(
        vectors[:count], vectors[59], 24
    )


def test_a_large_shard_misses_hardly_any():
    vectors = _clustered(12_200)
    shard = _filled(vectors[:12_000])
    found = wanted = 0
    for query in vectors[12_000:]:
        best = _exact_places(vectors[:12_000], query, 24)
        found += len(best & {place for _, place in search(shard, query, 24)})
        wanted += len(best)
    assert found / wanted >= 0.999


def _exact_places(vectors, query, k):
    return set(np.argsort(-(vectors @ query), kind="stable")[:k].tolist())


def test_an_equal_vector_comes_first():
    vectors = _clustered(3000)
    shard = _filled(vectors)
    for place in range(0, 3000, 97):
        assert search(shard, vectors[place], 5)[0][1] == place


def test_cosines_are_exact():
    vectors = _clustered(500)
    for cosine, place in search(_filled(vectors), vectors[7], 10):
        assert cosine == float(np.dot(vectors[7], vectors[place]))


def test_the_older_of_equal_vectors_comes_first():
    vector = _clustered(1)[0]
    shard = _filled(np.stack([vector] * 10))
    assert [place for _, place in search(shard, vector, 4)] == [0, 1, 2, 3]


def test_the_same_vectors_give_the_same_answers():
    vectors = _clustered(1500)
    one, other = _filled(vectors), _filled(vectors.copy())
    for query in _clustered(20, seed=4):
        assert search(one, query, 24) == search(other, query, 24)


def test_threads_change_nothing():
    vectors = _clustered(5000)
    queries = _clustered(20, seed=4)
    shard = _filled(vectors)
    before = faiss.omp_get_max_threads()
    answers = []
    try:
        for threads in (1, 4):
            faiss.omp_set_num_threads(threads)
            answers.append([search(shard, query, 24) for query in queries])
            assert faiss.omp_get_max_threads() == threads
    finally:
        faiss.omp_set_num_threads(before)
    assert answers[0] == answers[1]


def test_splitting_the_vectors_finds_the_same():
    vectors = _clustered(4000)
    whole, parts = _filled(vectors), {0: _filled(vectors[:1700]), 1700: _filled(vectors[1700:])}
    for query in _clustered(50, seed=5):
        found = nearest(parts, query, 24)
        assert [(cosine, name + place) for cosine, name, place in found] == search(whole, query, 24)


def test_an_empty_window_has_nothing_near():
    assert nearest({}, _clustered(1)[0], 24) == []


def test_a_vector_of_nothing_is_no_error():
    shard = _filled(np.zeros((3, 8), np.float32))
    assert search(shard, np.zeros(8, np.float32), 2) == [(0.0, 0), (0.0, 1)]


def test_a_component_of_one_is_not_cut():
    axes = np.eye(8, dtype=np.float32)
    assert search(_filled(np.concatenate([axes, -axes])), axes[2], 1) == [(1.0, 2)]
