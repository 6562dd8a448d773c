"""The time of a graceful stop is divided between requests and the end of the worker."""

from __future__ import annotations

import pytest

from app.frameworks.graceful import of_master, of_requests


@pytest.mark.parametrize("patience", [0, 1, 2, 3, 120])
def test_requests_have_the_time_that_is_set_and_the_worker_some_more(patience: int) -> None:
    assert of_requests(of_master(patience)) == max(patience, 1)
    assert of_master(patience) - of_requests(of_master(patience)) >= 1


@pytest.mark.parametrize(("graceful_timeout", "waited"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 2), (30, 28)])
def test_of_what_gunicorn_is_told_itself_they_have_the_most(graceful_timeout: int, waited: int) -> None:
    assert of_requests(graceful_timeout) == waited
