"""Opening hours: what is understood means this week, what is not is refused."""

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import LocalHours, LocalWindow
from nearcast.domain.opening_hours import OpeningHours
from tests.domain.builders import BERLIN, local, window

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")


def week(text: str) -> dict[str, list[str]]:
    """The spans that start on each day, as `8-12`, in hours past that day's midnight; days without one are left out."""
    found: dict[str, list[str]] = {}
    for each in OpeningHours.parse(text).windows:
        for day in each.days:
            found.setdefault(DAYS[day], []).append(f"{each.start_s / 3600:g}-{each.end_s / 3600:g}")
    return found


def every(span: str, days: str = "mo tu we th fr sa su") -> dict[str, list[str]]:
    return {day: [span] for day in days.split()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24/7", every("0-24")),
        (" 24/7 ", every("0-24")),
        ("08:00-20:00", every("8-20")),
        ("8:00-20:00", every("8-20")),
        ("00:00-24:00", every("0-24")),
        ("Mo 08:00-20:00", {"mo": ["8-20"]}),
        ("Mo-Fr 08:00-20:00", every("8-20", "mo tu we th fr")),
        ("Mo-Su 08:00-20:00", every("8-20")),
        ("Sa,Su 10:00-16:00", every("10-16", "sa su")),
        ("Mo-We,Fr 09:00-17:00", every("9-17", "mo tu we fr")),
        ("Sa-Mo 10:00-16:00", every("10-16", "mo sa su")),
        ("Mo-Mo 10:00-16:00", {"mo": ["10-16"]}),
        ("Mo 08:00-12:00,14:00-18:00", {"mo": ["8-12", "14-18"]}),
        ("Mo 08:00-12:00, 14:00-18:00", {"mo": ["8-12", "14-18"]}),
        ("Mo 08:00 - 12:00", {"mo": ["8-12"]}),
        ("Fr 16:00-02:00", {"fr": ["16-26"]}),
        ("Fr 16:00-00:00", {"fr": ["16-24"]}),
        ("Mo-Sa 08:00-20:00; We off", every("8-20", "mo tu th fr sa")),
        ("Mo-Sa 08:00-20:00; We closed", every("8-20", "mo tu th fr sa")),
        ("Mo-Tu 08:00-20:00; Tu 10:00-12:00", {"mo": ["8-20"], "tu": ["10-12"]}),
        ("Tu off; Mo-Tu 08:00-20:00", every("8-20", "mo tu")),
        ("08:00-20:00; Su off;", every("8-20", "mo tu we th fr sa")),
        ("Mo-Fr 08:00-18:00;Sa 10:00-14:00", every("8-18", "mo tu we th fr") | {"sa": ["10-14"]}),
        ("off", {}),
        ("closed", {}),
    ],
)
def test_what_is_understood(text: str, expected: dict[str, list[str]]) -> None:
    assert week(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ; ",
        "open",
        "Mo",
        "Mo-Fr",
        "PH off",
        "Mo-PH 08:00-18:00",
        "PH-Mo 08:00-18:00",
        "SH off",
        "Jan-Mar 08:00-18:00",
        "week 1-10 08:00-18:00",
        "sunrise-sunset",
        "Mo 08:00-sunset",
        "Mo 08:00+",
        "Mo 08:00",
        "Mo 08:00-",
        "Mo -18:00",
        "Mo08:00-18:00",
        "mo 08:00-18:00",
        "Mon 08:00-18:00",
        "Xx 08:00-18:00",
        "Mo-Xx 08:00-18:00",
        "Mo-We-Fr 08:00-18:00",
        "Mo, Tu 08:00-18:00",
        "Mo[1] 08:00-18:00",
        "Mo 08:00-18:00 Tu 09:00-17:00",
        "Mo 08:00-18:00, Tu 09:00-17:00",
        "Mo 08:00-08:00",
        "Mo 24:00-08:00",
        "Mo 08:00-26:00",
        "Mo 08:60-18:00",
        "Mo 08.00-18.00",
        'Mo 08:00-18:00 "by appointment"',
        "Mo 08:00-18:00 || Tu 09:00-17:00",
        "24/7; We off",
        "Mo offline",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        OpeningHours.parse(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "'' say nothing"),
        ("Mo-Fr 08:00-18:00; SH off", "'SH off' is not understood"),
        ("PH off", "'PH off' say nothing of weekdays"),
        ("Mo-Xx 08:00-18:00", "'Mo-Xx' is not a day or a range of days like Mo-Fr"),
        ("Mo 08:00+", "'08:00+' is not a span of time like 08:00-20:00"),
        ("Mo 08:00-26:00", "'26:00' is not a time of day"),
    ],
)
def test_the_fault_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        OpeningHours.parse(text)
    assert named in str(refused.value)


def test_what_was_written_is_kept() -> None:
    assert OpeningHours.parse("Mo-Sa 08:00-20:00; We off").text == "Mo-Sa 08:00-20:00; We off"


@pytest.mark.parametrize(
    ("wall", "is_open"),
    [
        ("2026-06-05 15:59:59", False),
        ("2026-06-05 16:00", True),
        ("2026-06-06 01:59:59", True),  # Friday's evening ends on Saturday, on which the bar is closed
        ("2026-06-06 02:00", False),
        ("2026-06-06 16:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_began(wall: str, is_open: bool) -> None:
    bar = LocalHours(OpeningHours.parse("16:00-02:00; Sa off").windows)
    assert bar.covers(local(wall), BERLIN) is is_open


@pytest.mark.parametrize(
    ("text", "weekdays", "holidays"),
    [
        ("Mo-Fr 08:00-18:00", 5, None),
        ("Mo-Fr 08:00-18:00; PH off", 5, ()),
        ("PH closed; Mo-Fr 08:00-18:00", 5, ()),
        ("Mo-Sa 08:00-18:00; Su,PH 10:00-14:00", 7, (window("10:00-14:00"),)),
        ("PH,Sa 10:00-12:00,13:00-14:00", 1, (window("10:00-12:00"), window("13:00-14:00"))),
    ],
)
def test_public_holidays_have_hours_of_their_own_where_they_are_named(
    text: str, weekdays: int, holidays: tuple[LocalWindow, ...] | None
) -> None:
    parsed = OpeningHours.parse(text)
    assert len({day for each in parsed.windows for day in each.days}) == weekdays
    assert parsed.on_holidays == holidays
