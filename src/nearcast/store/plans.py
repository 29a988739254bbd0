"""How PostgreSQL carries out what a store says to it, plan by plan."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event

from nearcast.store.sql_store import SqlStore

_BEGIN = (
    "LOAD 'auto_explain'",
    "SET LOCAL client_min_messages = log",
    "SET LOCAL auto_explain.log_format = json",
    "SET LOCAL auto_explain.log_analyze = on",
    "SET LOCAL auto_explain.log_min_duration = 0",
)
_MARK = "plan:\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement as it was carried out, in `ms` milliseconds; `root` is the plan as PostgreSQL says it in JSON."""

    text: str
    ms: float
    root: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The statement's first word: SELECT, INSERT, UPDATE, DELETE or WITH."""
        return self.text.split(maxsplit=1)[0].upper()

    @property
    def nodes(self) -> list[Mapping[str, Any]]:
        """All its parts, each before those below it."""
        found, left = [], [self.root]
        while left:
            node = left.pop()
            found.append(node)
            left.extend(reversed(node.get("Plans", ())))
        return found

    @property
    def indexes(self) -> list[str]:
        """The indexes that are read, each once, by name."""
        return sorted({node["Index Name"] for node in self.nodes if "Index Name" in node})

    @property
    def read_through(self) -> list[str]:
        """The tables that are read from beginning to end, by name."""
        return sorted({node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"})

    @property
    def rows(self) -> int:
        """How many come out, or are written."""
        node = self.root["Plans"][0] if self.root["Node Type"] == "ModifyTable" else self.root
        return int(node["Actual Rows"])


@contextmanager
def explained(store: SqlStore, *, settings: tuple[str, ...] = ()) -> Iterator[list[Plan]]:
    """The plans of what is said while this lasts, in order; of a store on PostgreSQL whose login is a superuser, and of
    one thread at a time. `settings` are statements with which each transaction begins.
    """
    plans: list[Plan] = []
    heard: list[Any] = []

    def note(said: Any) -> None:
        duration, found, plan = str(said.message_primary).partition(_MARK)
        if found:
            told = json.loads(plan)
            plans.append(Plan(told["Query Text"], float(duration.split()[1]), told["Plan"]))

    def begun(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        if driver not in heard:
            heard.append(driver)
            driver.add_notice_handler(note)  # type: ignore[union-attr]
        for statement in (*settings, *_BEGIN):
            connection.exec_driver_sql(statement)

    event.listen(store.engine, "begin", begun)
    try:
        yield plans
    finally:
        event.remove(store.engine, "begin", begun)
        for driver in heard:
            driver.remove_notice_handler(note)
