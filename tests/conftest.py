"""What holds for the whole run: where a service is missing, tests skip; where CI runs them, that is a failure."""

import os

import pytest
from hypothesis import settings

settings.register_profile("nearcast", deadline=None, derandomize=True)
settings.load_profile("nearcast")

WANT_OF_SERVICE = "needs a service: "
_wanting: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and WANT_OF_SERVICE in str(report.longrepr):
        _wanting.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _wanting and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _wanting and os.environ.get("CI") == "true":
        terminalreporter.write_line(f"skipped for want of a service: {', '.join(_wanting)}", red=True)
