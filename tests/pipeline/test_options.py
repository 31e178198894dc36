import pytest

from pipelines.detect_events import options_of
from pipelines.options import UsageError, parse_settings, refuse_unknown

INPUT = ("--input", "in", "--output", "out")


@pytest.mark.parametrize("written, partitions", [((), 1), (("1",), 1), (("1024",), 1024)])
def test_partitions_are_one_unless_said_otherwise(written, partitions):
    flag = ("--partitions", *written) if written else ()
    assert parse_settings([*INPUT, *flag]).partitions == partitions


@pytest.mark.parametrize("written", ["0", "-1", "1025", "1.5", "many", ""])
def test_partitions_that_cannot_be_are_refused_by_name(written):
    with pytest.raises(UsageError, match=f"argument --partitions: {written} is "):
        parse_settings([*INPUT, "--partitions", written])


@pytest.mark.parametrize(
    "flags",
    [
        ("--savepoint_path=/shared/flink/savepoints/savepoint-1",),
        ("--checkpointing_interval", "60000", "--externalized_checkpoints_enabled"),
        ("--flink_master=flink:8081", "--parallelism=4", "--environment_type=EXTERNAL"),
    ],
)
def test_options_of_flink_are_known(flags):
    refuse_unknown(flags)


def test_a_mistyped_option_of_flink_is_refused_by_name():
    with pytest.raises(UsageError, match="unknown flag or argument --savepoint_pth=x"):
        refuse_unknown(("--savepoint_pth=x",))


@pytest.mark.parametrize(
    ("given", "precision"),
    [
        ([], "bf16"),
        (["--encoder_precision", "fp32"], "fp32"),
        (["--model", "another/model"], "fp32"),
        (["--model", "another/model", "--encoder_precision", "bf16"], "bf16"),
        (["--runner", "DataflowRunner"], "fp32"),
        (["--encoder", "onnx"], "fp32"),
    ],
)
def test_bf16_is_chosen_only_where_it_was_measured(given, precision, monkeypatch) -> None:
    monkeypatch.setattr("transforms.embed.backends._gains_by_bf16", lambda: True)
    monkeypatch.setattr("transforms.embed.backends._may_have_cuda", lambda: False)
    settings = parse_settings(["--input", "in/*", "--output", "out", *given])
    assert settings.encoder_precision == precision


@pytest.mark.parametrize(
    ("precision", "named"), [("fp32", [None, None]), ("bf16", ["openvino", "torch"])]
)
def test_the_library_is_an_option_of_the_output_where_it_changes_more_than_last_digits(
    precision, named, monkeypatch
):
    monkeypatch.setattr("pipelines.detect_events.choose", lambda encoder, precision: encoder)
    given = ["--input", "in", "--output", "out", "--encoder_precision", precision]
    made = [
        options_of(parse_settings([*given, "--encoder", name])) for name in ("openvino", "torch")
    ]
    assert [options.get("encoder") for options in made] == named
    assert (made[0] == made[1]) == (precision == "fp32")
