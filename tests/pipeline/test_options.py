import pytest

from pipelines.options import UsageError, parse_settings

INPUT = ("--input", "in", "--output", "out")


@pytest.mark.parametrize("written, partitions", [((), 1), (("1",), 1), (("1024",), 1024)])
def test_partitions_are_one_unless_said_otherwise(written, partitions):
    flag = ("--partitions", *written) if written else ()
    assert parse_settings([*INPUT, *flag]).partitions == partitions


@pytest.mark.parametrize("written", ["0", "-1", "1025", "1.5", "many", ""])
def test_partitions_that_cannot_be_are_refused_by_name(written):
    with pytest.raises(UsageError, match=f"argument --partitions: {written} is "):
        parse_settings([*INPUT, "--partitions", written])
