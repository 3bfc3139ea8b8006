"""Characters that Word stores as a place in a symbol font (w:sym)."""

# Adobe's Symbol encoding from 0x20 and from 0xA0 on; a space where it has nothing.
# fmt: off
_SYMBOL_20 = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?"
    "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_"
    "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
)
_SYMBOL_A0 = (
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵"
    "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓"
    "◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
)
# fmt: on

_FONTS = {
    "symbol": {0x20 + n: c for n, c in enumerate(_SYMBOL_20)}
    | {0xA0 + n: c for n, c in enumerate(_SYMBOL_A0)},
    # Only what people tick, point and list with; the rest of these fonts is decoration.
    "wingdings": {
        0x28: "☎", 0x2A: "✉", 0x4A: "☺", 0x4C: "☹", 0x6C: "●", 0x6E: "■", 0x6F: "☐", 0x71: "❑", 0x76: "❖",
        0x78: "☒", 0xA7: "▪", 0xA8: "☐", 0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE8: "➔",
        0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
    },
    "wingdings 2": {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x54: "☒", 0xA3: "☐"},
}  # fmt: skip


def symbol(font: str | None, code: str | None) -> str:
    """What a reader sees for character `code` (hexadecimal) of `font`; "" for no character at all.

    Word moves symbol fonts to U+F000..F0FF (ECMA-376 part 1, 17.3.3.30). A character of a font we have no
    table for stays there: it is what the document says.
    """
    try:
        point = int(code or "", 16)
    except ValueError:
        return ""
    table = _FONTS.get((font or "").strip().lower(), {})
    place = point - 0xF000 if 0xF000 <= point <= 0xF0FF else point
    if place in table:
        return table[place]
    return chr(point) if 0x20 <= point <= 0x10FFFF else ""
