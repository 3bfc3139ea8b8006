"""The code page of a document from before Unicode."""

_BY_LANGUAGE = {
    0x01: "cp1256", 0x20: "cp1256", 0x29: "cp1256",  # Arabic, Urdu, Farsi
    0x02: "cp1251", 0x19: "cp1251", 0x22: "cp1251", 0x23: "cp1251", 0x2F: "cp1251",  # Cyrillic
    0x04: "gbk", 0x11: "cp932", 0x12: "cp949",
    0x05: "cp1250", 0x0E: "cp1250", 0x15: "cp1250", 0x18: "cp1250", 0x1A: "cp1250", 0x1B: "cp1250",
    0x1C: "cp1250", 0x24: "cp1250",  # Central Europe
    0x08: "cp1253", 0x0D: "cp1255", 0x1E: "cp874", 0x1F: "cp1254", 0x2A: "cp1258",
    0x25: "cp1257", 0x26: "cp1257", 0x27: "cp1257",  # the Baltic
}  # fmt: skip
"""By primary language, the low ten bits of a Windows language id."""

_BY_LANGUAGE_AND_PLACE = {
    0x0404: "cp950", 0x0C04: "cp950", 0x1404: "cp950",  # Chinese in Taiwan, Hong Kong, Macao
    0x0C1A: "cp1251", 0x1C1A: "cp1251",  # Serbian in Cyrillic
}  # fmt: skip

_BY_CHARACTER_SET = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
"""By a font's character set, as in Windows' LOGFONT."""


_MOST_FONTS = 0x10000  # they are numbered by two bytes


def code_page(language_id: int, font_table: bytes, *, is_macintosh: bool) -> str:
    """The codec of a Word 6 or 95 document's characters.

    Its language decides; where that is a Western one, as it is for everyone who used an English Word,
    the first font in its table that is made for another alphabet.
    """
    by_language = _BY_LANGUAGE_AND_PLACE.get(language_id) or _BY_LANGUAGE.get(language_id & 0x3FF)
    if by_language:
        return by_language
    by_font = (_BY_CHARACTER_SET.get(character_set) for character_set in _character_sets(font_table))
    return next((codec for codec in by_font if codec), "mac_roman" if is_macintosh else "cp1252")


def _character_sets(font_table: bytes) -> list[int]:
    """Each font's: entries that begin with the length of their remainder and have the set at byte 4."""
    found: list[int] = []
    position = 2
    while position + 4 < len(font_table) and len(found) < _MOST_FONTS:
        found.append(font_table[position + 4])
        position += 1 + font_table[position]
    return found
