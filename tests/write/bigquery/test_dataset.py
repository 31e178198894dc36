"""Names of datasets as ``--output`` gives them."""

import pytest

from transforms.write.bigquery.dataset import Dataset, bigquery_dataset

GOOD = {
    "plain": ("bigquery:news-prod.events", Dataset("news-prod", "events")),
    "digits": ("bigquery:news-1.e_2", Dataset("news-1", "e_2")),
    "of a domain": ("bigquery:news.example:old-one.ds", Dataset("news.example:old-one", "ds")),
    "longest project": (f"bigquery:{'p' * 30}.d", Dataset("p" * 30, "d")),
    "capitals in a dataset": ("bigquery:news-prod.News", Dataset("news-prod", "News")),
}
BAD = {
    "nothing": "bigquery:",
    "no dataset": "bigquery:news-prod",
    "empty dataset": "bigquery:news-prod.",
    "empty project": "bigquery:.events",
    "a table as well": "bigquery:news-prod.events.articles",
    "with a colon": "bigquery:news-prod:events",
    "short project": "bigquery:news.events",
    "long project": f"bigquery:{'p' * 31}.events",
    "capitals in a project": "bigquery:News-Prod.events",
    "hyphen at the end": "bigquery:news-prod-.events",
    "hyphen in a dataset": "bigquery:news-prod.my-events",
    "a backtick": "bigquery:news-prod.e`; DROP TABLE x; --",
    "a quote": "bigquery:news-prod.e'",
    "a path": "bigquery:news-prod.../../etc",
    "a slash": "bigquery:news-prod.a/b",
    "an end of line": "bigquery:news-prod.events\n",
    "a space": "bigquery:news-prod. events",
    "other digits": "bigquery:news-prod.e\u0661",
    "half a character": "bigquery:news-prod.e\udcff",
    "a long dataset": f"bigquery:news-prod.{'d' * 1025}",
}


@pytest.mark.parametrize(("output", "dataset"), GOOD.values(), ids=GOOD)
def test_a_dataset_is_read_and_written_the_same(output, dataset):
    assert bigquery_dataset(output) == dataset
    assert str(dataset) == output
    assert dataset.table("articles") == f"{output.removeprefix('bigquery:')}.articles"


@pytest.mark.parametrize("output", BAD.values(), ids=BAD)
def test_what_is_no_dataset_is_refused_with_its_form(output):
    with pytest.raises(ValueError, match=r"write it as bigquery:project\.dataset"):
        bigquery_dataset(output)


@pytest.mark.parametrize("output", ["out", "", "BIGQUERY:news-prod.x", "/x/bigquery:a", "gs://b/c"])
def test_other_outputs_are_left_to_others(output):
    assert bigquery_dataset(output) is None
