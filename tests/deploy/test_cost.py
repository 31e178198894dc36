"""The estimate of the cost: what moves it, and that the README shows what it computes."""

import dataclasses

import pytest


@pytest.fixture(scope="module")
def given(cost):
    return cost.Assumptions()


def test_the_readme_shows_what_the_script_computes(cost, given, readme):
    shown = readme.partition("<!-- cost: begin -->\n")[2].partition("<!-- cost: end -->")[0]
    tables = [cost.cost_table(given, [10_000, 100_000, 1_000_000]), cost.assumptions_table(given)]
    assert shown.strip() == "\n\n".join(tables), "paste what cost.py prints"


def test_with_few_articles_one_pays_for_waiting_and_with_many_for_work(cost, given):
    few, many = cost.estimate(given, 1_000), cost.estimate(given, 50_000_000)
    hours = 24e6 / 1_000
    assert few.workers == pytest.approx(hours * (4 * 0.069 + 16 * 0.003557 + 50 * 0.000054))
    work = 1e6 * given.cpu_seconds * given.dataflow_factor / given.utilisation / 3600 / 4
    assert many.workers == pytest.approx(work * (4 * 0.069 + 16 * 0.003557 + 50 * 0.000054))
    assert few.pubsub == many.pubsub


def test_each_way_to_bigquery_has_its_price(cost, given):
    prices = {
        method: cost.estimate(given, 1e5, method).bigquery_write
        for method in ("storage_write", "streaming_inserts")
    }
    assert prices["storage_write"] == pytest.approx(16e9 / 2**30 * 0.025)
    assert prices["streaming_inserts"] == pytest.approx(16 * 0.05)
    small = dataclasses.replace(given, written_kb=2.0)  # eight rows of less than a KB each
    paid = cost.estimate(small, 1e5, "streaming_inserts").bigquery_write
    assert paid == pytest.approx(8 * 0.05)


@pytest.mark.parametrize("rate", [1_000, 1_000_000])
def test_no_number_is_there_for_nothing(cost, given, rate):
    unmoved = set()
    for one in dataclasses.fields(given):
        doubled = dataclasses.replace(given, **{one.name: 2 * getattr(given, one.name)})
        costs = [
            [cost.estimate(numbers, at, method).total for at in (rate, 1e9)]
            for numbers in (given, doubled)
            for method in ("storage_write", "streaming_inserts")
        ]
        if costs[:2] == costs[2:]:
            unmoved.add(one.name)
    assert unmoved == {"rows"}  # it counts only when rows are smaller than a KB


def test_every_number_has_a_unit_and_a_source(given):
    for one in dataclasses.fields(given):
        assert one.metadata["unit"]
        assert one.metadata["source"]


def test_the_total_is_the_sum(cost, given):
    found = cost.estimate(given, 1e5)
    assert found.total == pytest.approx(sum(dataclasses.asdict(found).values()))
