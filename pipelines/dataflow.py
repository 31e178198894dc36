"""What a job on Dataflow needs beside what the user asked for."""

from collections.abc import Sequence

from pipelines.options import UsageError

DATAFLOW = "DataflowRunner"
_CODE = ("--sdk_container_image", "--setup_file")
_HINTS = "--resource_hints"
_MIN_RAM = "min_ram=8GB"  # a window of 200,000 articles and the model


def dataflow_args(given: Sequence[str]) -> list[str]:
    """Add to flags of Beam those that a job on Dataflow cannot do without.

    Raises:
        UsageError: nothing says where workers get our code from.
    """
    names = {argument.split("=")[0] for argument in given}
    if not names.intersection(_CODE):
        raise UsageError(
            "DataflowRunner needs our code on its workers: give --sdk_container_image with the "
            "image of deploy/dataflow, or --setup_file ./setup.py"
        )
    return [*given, *([] if _HINTS in names else [f"{_HINTS}={_MIN_RAM}"])]


def is_template(beam_args: Sequence[str]) -> bool:
    """Say whether the graph is only to be stored, as the launcher of a template asks for."""
    return any(argument.split("=")[0] == "--template_location" for argument in beam_args)
