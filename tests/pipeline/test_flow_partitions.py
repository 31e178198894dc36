"""How many parts the search is split into decides nothing."""


def files_of(output):
    return {
        path.relative_to(output.path).as_posix(): path.read_bytes()
        for path in output.path.rglob("*.parquet")
    }


def test_sixteen_partitions_write_the_very_bytes_of_one(demo, detect, demo_arguments, tmp_path):
    parts = detect(tmp_path / "out", *demo_arguments, "--partitions", "16")
    assert files_of(parts) == files_of(demo) != {}
    assert parts.run["counts"] == demo.run["counts"]
    assert parts.run["arguments_digest"] == demo.run["arguments_digest"]
