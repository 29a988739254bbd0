"""The same two places at the same two instants, as every kind of file has them."""

import io
import json
import zipfile
from typing import Any

FIRST_US, SECOND_US = 1_780_394_400_000_000, 1_780_394_460_000_000  # 2026-06-02T10:00:00Z and a minute later
PLACES = [(52.52, 13.405), (-33.8688, 151.2093)]
BOM = b"\xef\xbb\xbf"


def document(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


GPX = b"""<?xml version="1.0"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1" xmlns:t="http://example.org/t">
<wpt lat="1" lon="2"><time>2026-06-02T10:00:00Z</time></wpt>
<rte><rtept lat="1" lon="2"/></rte>
<trk><trkseg/><trkseg>
<trkpt lat="52.52" lon="13.405"><ele>34.5</ele><time>2026-06-02T10:00:00</time><src>network</src>
  <extensions><t:TrackPointExtension><t:speed>1.5</t:speed></t:TrackPointExtension></extensions></trkpt>
<trkpt lat="-33.8688" lon="151.2093"><time>2026-06-02T20:01:00.000+10:00</time></trkpt>
</trkseg></trk></gpx>"""

KML = b"""<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document>
<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>
<Placemark><gx:Track><altitudeMode>clampToGround</altitudeMode>
<when>2026-06-02T10:00:00Z</when><when>2026-06-02T12:01:00+02:00</when>
<gx:coord>13.405 52.52 34</gx:coord><gx:coord>151.2093 -33.8688 0</gx:coord>
</gx:Track></Placemark></Document></kml>"""

REC = b"""2026-06-02T10:00:03Z\t*                 \t{"_type":"location","tst":"1780394400","lat":52.52,"lon":13.405,"acc":0,"vel":36,"_id":"a1"}
2026-06-02T10:00:10Z\tlwt               \t{"_type":"lwt","tst":"1780394000"}
2026-06-02T10:01:03Z\t*                 \t{"_type":"location","tst":1780394460,"lat":-33.8688,"lon":151.2093,"acc":12,"vel":-1}
"""  # noqa: E501 - as the recorder writes them

RECORDS = {
    "locations": [
        {
            "latitudeE7": 525200000,
            "longitudeE7": 134050000,
            "accuracy": 18000,
            "timestamp": "2026-06-02T10:00:00Z",
            "source": "WIFI",
            "deviceTag": -123456789,
        },
        {"timestampMs": "1780394430000", "activity": []},
        {
            "latitudeE7": -338688000,
            "longitudeE7": 1512093000,
            "accuracy": 0,
            "timestampMs": "1780394460000",
            "velocity": 3,
            "deviceTag": 7,
        },
    ]
}

SEMANTIC = {
    "timelineObjects": [
        {
            "activitySegment": {
                "startLocation": {"latitudeE7": 525200000, "longitudeE7": 134050000},
                "endLocation": {},
                "duration": {"startTimestampMs": "1780394400000", "endTimestamp": "2026-06-02T11:00:00Z"},
                "simplifiedRawPath": {
                    "points": [
                        {
                            "latE7": -338688000,
                            "lngE7": 1512093000,
                            "timestamp": "2026-06-02T10:01:00.000Z",
                            "accuracyMeters": 20,
                        }
                    ]
                },
            }
        },
        {"placeVisit": {"location": {"latitudeE7": 1, "longitudeE7": 2}, "duration": {"startTimestampMs": "1"}}},
    ]
}

ANDROID = {
    "semanticSegments": [
        {
            "startTime": "2026-06-02T10:00:00.000Z",
            "endTime": "2026-06-02T12:00:00.000+02:00",
            "timelinePath": [
                {"point": "52.52°, 13.405°", "time": "2026-06-02T12:00:00.000+02:00"},
                {"point": "52.52°, 13.405°", "time": "2026-06-02T10:00:00.000Z"},
            ],
        },
        {
            "startTime": "2026-06-02T10:00:00.000Z",
            "endTime": "2026-06-02T11:00:00.000Z",
            "visit": {"topCandidate": {"placeLocation": {"latLng": "1.0°, 2.0°"}}},
        },
    ],
    "rawSignals": [
        {
            "position": {
                "LatLng": "-33.8688°, 151.2093°",
                "accuracyMeters": 13,
                "speedMetersPerSecond": 0.5,
                "timestamp": "2026-06-02T10:01:00.000Z",
            }
        },
        {"wifiScan": {"deliveryTime": "2026-06-02T10:01:00.000Z"}},
    ],
}

IOS = [
    {
        "startTime": "2026-06-02T12:00:00.000+02:00",
        "endTime": "2026-06-02T12:10:00.000+02:00",
        "timelinePath": [{"point": "geo:-33.8688,151.2093", "durationMinutesOffsetFromStartTime": "1"}],
    },
    {
        "startTime": "2026-06-02T10:00:00Z",
        "endTime": "2026-06-02T10:01:00Z",
        "activity": {"start": "geo:52.520000,13.405000", "end": "geo:-33.8688,151.2093;u=35"},
    },
    {"startTime": "2026-06-02T10:00:00Z", "visit": {"topCandidate": {"placeLocation": "geo:1.0,2.0"}}},
]


def feature(place: tuple[float, float], **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [place[1], place[0], 34.0]},
        "properties": properties,
    }


GEOJSON: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        feature(PLACES[0], time_long=1780394400000, accuracy=8),
        {"type": "Feature", "geometry": None, "properties": {"time": "2026-06-02T10:00:30Z"}},
        feature(PLACES[0], timestamp="2026-06-02T10:00:30Z", action="visit"),
        feature(PLACES[1], timestamp="2026-06-02T10:01:00Z", horizontal_accuracy=-1),
    ],
}

CSV = b"""recorded_at,lat,lon
2026-06-02T10:00:00Z,52.52,13.405
2026-06-02T10:01:00Z,-33.8688,151.2093
"""

NDJSON = b"""{"recorded_at": 1780394400, "lat": 52.52, "lon": 13.405}
{"recorded_at": 1780394460, "lat": -33.8688, "lon": 151.2093}
"""


def kmz(data: bytes = KML, name: str = "doc.kml") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


EVERY_KIND: dict[str, bytes] = {
    "gpx": GPX,
    "kml": KML,
    "owntracks": REC,
    "google-records": document(RECORDS),
    "google-semantic": document(SEMANTIC),
    "android-timeline": document(ANDROID),
    "ios-timeline": document(IOS),
    "geojson": document(GEOJSON),
    "csv": CSV,
    "ndjson": NDJSON,
    "json": document([json.loads(line) for line in NDJSON.splitlines()]),
}
ENDINGS = {"csv": ".csv", "ndjson": ".ndjson"}  # all others are known by what they hold
