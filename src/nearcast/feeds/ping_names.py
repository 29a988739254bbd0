"""What others call the columns of a ping."""

from collections.abc import Iterable, Mapping

from nearcast.feeds.pings import NAMES

# in small letters, the most likely first; `id` is nobody's for certain
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "customer_id": ("customer", "customerid", "user_id", "userid"),
    "recorded_at": (
        "recordedat",
        "timestamp",
        "time_long",
        "timestampms",
        "timestamp_ms",
        "time",
        "datetime",
        "date_time",
        "tracked_at",
        "fixtime",
        "fix_time",
        "gps_time",
        "tst",
        "date",
        "zeit",
        "zeitstempel",
    ),
    "lat": ("latitude", "lat_deg", "latitudee7", "latitude_e7", "late7", "lat_e7", "breite", "breitengrad", "y"),
    "lon": (
        *("lng", "long", "longitude", "lon_deg", "longitudee7", "longitude_e7", "lone7", "lon_e7", "lnge7", "lng_e7"),
        *("länge", "laenge", "längengrad", "laengengrad", "x"),
    ),
    "accuracy_m": ("accuracy", "acc", "horizontal_accuracy", "accuracymeters", "genauigkeit"),
    "received_at": ("receivedat",),
    "ping_id": ("uuid", "_id", "unique_id"),
    "device_id": ("device", "deviceid", "devicetag", "tid"),
    "speed_mps": ("speedmps",),
}


def called(header: Iterable[str]) -> dict[str, str]:
    """The names of a header that stand for a ping's columns: the header's by ours. Our own names come first."""
    by_small: dict[str, str] = {}
    for name in header:
        by_small.setdefault(name.strip().lower().replace(" ", "_").replace("-", "_"), name)
    found = {}
    for ours, names in NAMES.items():
        there = [by_small[each] for each in (*names, *_OTHERS[ours]) if each in by_small]
        if there:
            found[ours] = there[0]
    return found


def is_ours(ours: str, name: str) -> bool:
    """Whether a file calls a column as we do, so that there is nothing to guess."""
    return name.strip().lower() in NAMES[ours]
