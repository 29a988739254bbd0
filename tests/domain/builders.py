"""Valid values in a few words; a test says only what it is about.

The clock stands at noon of Tuesday 2 June 2026 in Berlin; the customer has agreed to everything, nothing is limited.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import Campaign, Offer, Trigger
from nearcast.domain.case import Candidate, Case, Facts, Gate, PingEvidence, Send
from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.customer import Customer, Shop
from nearcast.domain.decision import Verdict, judge
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, VisitId
from nearcast.domain.local_time import WEEKDAYS, LocalHours, LocalWindow
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.policy import CalendarUnit, CapKind, CapScope, FrequencyCap, Policy
from nearcast.domain.quiet_hours import QuietHours, QuietRule, QuietSource

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = CustomerId("cust-0001")
FENCE = GeofenceId("f1")
SHOP = ShopId("s1")

GRANTED, CONFIRMED, WITHDRAWN = ConsentAction.GRANTED, ConsentAction.CONFIRMED, ConsentAction.WITHDRAWN


# --- time


def utc(text: str) -> datetime:
    """ "2026-06-02 10:00" as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """The instant at which clocks there show this; for times that exist exactly once."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def later(seconds: float, at: datetime = NOON) -> datetime:
    return at + timedelta(seconds=seconds)


def hours_ago(hours: float, at: datetime = NOON) -> datetime:
    return at - timedelta(hours=hours)


def window(span: str, days: str = " ".join(WEEKDAYS)) -> LocalWindow:
    """ "21:00-08:00" on "mon tue"."""
    start, end = span.split("-")
    return LocalWindow.parse(start, end, frozenset(WEEKDAYS.index(day) for day in days.split()))


def hours(*spans: str | LocalWindow, closed_on: Iterable[date] = ()) -> LocalHours:
    windows = tuple(window(span) if isinstance(span, str) else span for span in spans)
    return LocalHours(windows, frozenset(closed_on))


def quiet_rule(*spans: str | LocalWindow, source: QuietSource = QuietSource.TENANT, **more: Any) -> QuietRule:
    return QuietRule(source=source, hours=hours(*spans), **more)


def quiet(*spans: str | LocalWindow, **more: Any) -> QuietHours:
    """What the tenant asks for, everywhere and on every channel."""
    return QuietHours((quiet_rule(*spans, **more),))


# --- consent


def consent(action: ConsentAction, at: datetime = LONG_AGO, /, **changes: Any) -> ConsentEvent:
    """One line about marketing by SMS from the tenant."""
    about: dict[str, Any] = {"purpose": NEARBY, "channel": "sms", "sender": "t1"}
    return ConsentEvent(**{"event_id": "e", "customer_id": CUSTOMER, "action": action, "at": at, **about, **changes})


def location_consent(action: ConsentAction = GRANTED, at: datetime = LONG_AGO, /, **changes: Any) -> ConsentEvent:
    return consent(action, at, **{"purpose": LOCATION, "channel": None, **changes})


AGREED = (location_consent(event_id="location"), consent(CONFIRMED, event_id="marketing"))


# --- limits


def rolling(limit: int, window_s: float, scope: CapScope = CapScope.CUSTOMER, cap_id: str = "R") -> FrequencyCap:
    return FrequencyCap(id=cap_id, scope=scope, kind=CapKind.ROLLING, limit=limit, window_s=window_s)


def min_gap(window_s: float, scope: CapScope = CapScope.CUSTOMER, cap_id: str = "G") -> FrequencyCap:
    return FrequencyCap(id=cap_id, scope=scope, kind=CapKind.MIN_GAP, window_s=window_s)


def calendar(limit: int, unit: str = "day", scope: CapScope = CapScope.CUSTOMER, cap_id: str = "C") -> FrequencyCap:
    return FrequencyCap(id=cap_id, scope=scope, kind=CapKind.CALENDAR, limit=limit, unit=CalendarUnit(unit))


def send(at: datetime, campaign_id: str = "other", /, **changes: Any) -> Send:
    """A message that another shop sent about another fence."""
    about: dict[str, Any] = {"shop_id": "other", "geofence_id": "other", "channel": "sms"}
    return Send(**{"campaign_id": campaign_id, "at": at, **about, **changes})


# --- the two sides and what is between them


def shop(**changes: Any) -> Shop:
    return replace(Shop(id=SHOP, name="Café Central", zone=BERLIN), **changes)


def customer(**changes: Any) -> Customer:
    return replace(Customer(id=CUSTOMER, zone=BERLIN), **changes)


def campaign(campaign_id: str = "camp-7", /, **changes: Any) -> Campaign:
    base = Campaign(
        id=CampaignId(campaign_id),
        shop_id=SHOP,
        trigger=Trigger.ENTER,
        channel="sms",
        sender="t1",
        offer=Offer(text="Coffee −20 %"),
    )
    return replace(base, **changes)


def evidence(**changes: Any) -> PingEvidence:
    return replace(PingEvidence(key="ping-1", recorded_at=NOON, accuracy_m=15.0, zone=None), **changes)


def candidate(of: Campaign | None = None, /, **changes: Any) -> Candidate:
    base = Candidate(
        campaign=of or campaign(),
        shop=shop(),
        opportunity_id="opportunity-1",
        trigger=Trigger.ENTER,
        at=NOON,
        geofence_id=FENCE,
        ping=evidence(),
        distance_m=100.0,
    )
    return replace(base, **changes)


def facts(**changes: Any) -> Facts:
    return replace(Facts(customer=customer(), tenant_zone=BERLIN, consents=AGREED), **changes)


def case(
    candidate_: Candidate | None = None,
    *,
    facts_: Facts | None = None,
    policy: Policy | None = None,
    now: datetime = NOON,
    gate: Gate = Gate.QUEUE,
) -> Case:
    return Case(
        candidate=candidate_ or candidate(), facts=facts_ or facts(), policy=policy or Policy(), now=now, gate=gate
    )


def message(status: MessageStatus = MessageStatus.QUEUED, **changes: Any) -> Message:
    base = Message(
        id=MessageId("m1"),
        decision_id=DecisionId("d1"),
        customer_id=CUSTOMER,
        campaign_id=CampaignId("camp-7"),
        shop_id=SHOP,
        geofence_id=FENCE,
        visit_id=VisitId("v1"),
        channel="sms",
        text="Coffee −20 %",
        status=status,
        queued_at=NOON,
        not_before=NOON,
        expires_at=later(1200),
    )
    return replace(base, **changes)


# --- before the rule book


def judged(
    of: Candidate | None = None,
    *,
    now: datetime = NOON,
    policy: Policy | None = None,
    gate: Gate = Gate.QUEUE,
    **known: Any,
) -> Verdict:
    return judge(case(of, facts_=facts(**known), policy=policy, now=now, gate=gate))


def against(of: Candidate | None = None, **more: Any) -> list[str]:
    return [reason.value for reason in judged(of, **more).reasons]


def until(of: Candidate, **more: Any) -> list[datetime | None]:
    """When each rule that is against it would pass by itself."""
    return [finding.until for finding in judged(of, **more).findings if finding.reason]


def said(reason: str | None) -> list[str]:
    return [reason] if reason else []
