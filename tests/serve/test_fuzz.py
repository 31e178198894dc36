"""Every documented path, asked at random: answers are as described, and never a 500."""

from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

# Not asked: that all that fits the description is accepted. 31 February fits a pattern.
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_headers_conformance, response_schema_conformance, negative_data_rejection,
    unsupported_method,
]  # fmt: skip


@pytest.fixture
def described(client):
    """The description as clients get it, with the application behind it."""
    return schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", client.app, headers={"Host": "localhost"}
    )


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_answers_are_as_described(described, mode):
    asked, seen = 0, Counter()
    for operation in (result.ok() for result in described.get_all_operations()):
        if (
            mode is GenerationMode.NEGATIVE
            and not operation.query
            and not operation.path_parameters
        ):
            continue  # nothing that could be wrong
        asked += 1

        @settings(
            max_examples=20, deadline=None, derandomize=True, database=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers_as_described(case):
            answer = case.call_and_validate(checks=CHECKS, headers={"Host": "localhost"})
            seen[answer.status_code] += 1

        answers_as_described()
    assert asked > 15
    assert seen[200 if mode is GenerationMode.POSITIVE else 422] > 100, seen
