"""What a PostgreSQL database itself writes down of every message's way, by a trigger: no process can forget it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

KEEP = """
CREATE TABLE diary (
    seq bigserial PRIMARY KEY, at timestamptz NOT NULL, message_id text NOT NULL, customer_id text NOT NULL,
    became text NOT NULL, owner text, has_withdrawn boolean NOT NULL
);
CREATE TABLE diary_withdrawal (customer_id text PRIMARY KEY, at timestamptz NOT NULL);
CREATE FUNCTION keep_diary() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO diary (at, message_id, customer_id, became, owner, has_withdrawn) VALUES (
        clock_timestamp(), NEW.id, NEW.customer_id, NEW.status, coalesce(NEW.lease_owner, OLD.lease_owner),
        EXISTS (SELECT FROM diary_withdrawal AS said WHERE said.customer_id = NEW.customer_id)
    );
    RETURN NULL;
END $$;
CREATE FUNCTION keep_withdrawal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO diary_withdrawal
        SELECT id, clock_timestamp() FROM customer WHERE tenant_id = NEW.tenant_id AND subject = NEW.subject
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER diary AFTER UPDATE OF status ON message FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION keep_diary();
CREATE TRIGGER diary AFTER INSERT ON consent_event FOR EACH ROW
    WHEN (NEW.action = 'withdrawn') EXECUTE FUNCTION keep_withdrawal();
"""


@dataclass(frozen=True)
class Entry:
    """A message's next status; `has_withdrawn` where a committed withdrawal of the customer's was seen then."""

    at: datetime
    message_id: str
    customer_id: str
    became: str
    owner: str | None
    has_withdrawn: bool


def keep_diary(connection: Connection) -> None:
    connection.execute(text(KEEP))


def read_diary(connection: Connection) -> list[Entry]:
    """In the order in which it was written."""
    rows = connection.execute(text("SELECT * FROM diary ORDER BY seq"))
    return [Entry(row.at, row.message_id, row.customer_id, row.became, row.owner, row.has_withdrawn) for row in rows]


def withdrawals(connection: Connection) -> dict[str, datetime]:
    """When each customer withdrew, a moment before it was committed."""
    rows: Any = connection.execute(text("SELECT * FROM diary_withdrawal"))
    return {row.customer_id: row.at for row in rows}
