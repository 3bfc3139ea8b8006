"""What a document says of itself: title, author, dates. [MS-OLEPS] property sets."""

import codecs
import struct
from datetime import UTC, datetime, timedelta

SUMMARY_STREAM = "\x05SummaryInformation"

_NAMES = {
    2: "title",
    3: "subject",
    4: "author",
    5: "keywords",
    6: "comments",
    8: "last_modified_by",
    12: "created",
    13: "modified",
    18: "producer",
}
_CODE_PAGE = 1
_INTEGER_2, _STRING, _WIDE_STRING, _TIME = 0x02, 0x1E, 0x1F, 0x40
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_CODECS = {1200: "utf-16-le", 10000: "mac_roman", 65001: "utf-8"}
_LONGEST = 10_000


def read_summary(content: bytes) -> dict[str, str]:
    """The properties that are present, times as ISO 8601. What is broken is left out."""
    try:
        (begin,) = struct.unpack_from("<I", content, 44)
        (count,) = struct.unpack_from("<I", content, begin + 4)
        count = min(count, 100)  # the standard has 19; a hostile count ends here
        places = dict(struct.iter_unpack("<2I", content[begin + 8 : begin + 8 + 8 * count]))
    except struct.error:
        return {}
    codec = "cp1252"
    if _CODE_PAGE in places:
        codec = _codec(content, begin + places[_CODE_PAGE])
    found: dict[str, str] = {}
    for number, name in _NAMES.items():
        if number in places and (value := _read(content, begin + places[number], codec)):
            found[name] = value
    return found


def _codec(content: bytes, place: int) -> str:
    kind_and_value = content[place : place + 6]
    if len(kind_and_value) < 6 or kind_and_value[0] != _INTEGER_2:
        return "cp1252"
    (number,) = struct.unpack_from("<H", kind_and_value, 4)
    codec = _CODECS.get(number, f"cp{number}")
    try:
        codecs.lookup(codec)
    except LookupError:
        return "cp1252"
    return codec


def _read(content: bytes, place: int, codec: str) -> str:
    """[MS-OLEPS] 2.15 TypedPropertyValue, of the kinds that are text or a time; "" for any other."""
    try:
        kind, size = struct.unpack_from("<2I", content, place)
        if kind == _STRING:
            value = content[place + 8 : place + 8 + min(size, _LONGEST)].decode(codec, "replace")
        elif kind == _WIDE_STRING:
            value = content[place + 8 : place + 8 + 2 * min(size, _LONGEST)].decode("utf-16-le", "replace")
        elif kind == _TIME:
            (ticks,) = struct.unpack_from("<Q", content, place + 4)
            # 0 is how "never" is written.
            value = (_EPOCH + timedelta(seconds=ticks // 10_000_000)).isoformat() if ticks else ""
        else:
            value = ""
    except (struct.error, OverflowError):
        return ""
    return value.partition("\x00")[0].strip()
