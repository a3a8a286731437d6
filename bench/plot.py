"""How cost grows, as a picture: small bar charts side by side, drawn as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

PANEL_W, PANEL_H = 210, 150
LEFT, TOP, GAP = 20, 70, 30
ROW_GAP = 70
BAR_SHARE = 0.6
INK, FAINT = "#333333", "#bbbbbb"


@dataclass(frozen=True, slots=True)
class Series:
    """One row of charts: what the bars show, in which colour."""

    title: str
    colour: str
    values: Mapping[str, Sequence[tuple[str, float]]]  # panel → (size, value)


def label(value: float) -> str:
    """A number as it stands over its bar: three digits, thousands as k."""
    if value >= 100_000:
        return f"{value / 1_000:.0f}k"
    if value >= 1_000:
        return f"{value / 1_000:.1f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def svg(title: str, panels: Mapping[str, str], rows: Sequence[Series]) -> str:
    """`panels`: name → heading. Bars of one row share a scale, so that they can be compared."""
    width = LEFT * 2 + len(panels) * (PANEL_W + GAP) - GAP
    height = TOP + len(rows) * (PANEL_H + ROW_GAP)
    look = f'font-family="sans-serif" font-size="12" fill="{INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {look}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(LEFT, 24, title, size=15, weight="bold"),
    ]
    for row, series in enumerate(rows):
        top = TOP + row * (PANEL_H + ROW_GAP)
        parts.append(_text(LEFT, top - 24, series.title, weight="bold", colour=series.colour))
        most = max((value for some in series.values.values() for _, value in some), default=0.0)
        for column, (name, heading) in enumerate(panels.items()):
            left = LEFT + column * (PANEL_W + GAP)
            parts.append(_text(left, top - 6, heading))
            parts += _bars(series.values.get(name, ()), series.colour, most, left, top)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bars(
    values: Sequence[tuple[str, float]], colour: str, most: float, left: float, top: float
) -> list[str]:
    bottom = top + PANEL_H
    parts = [f'<path d="M{left} {bottom}h{PANEL_W}" stroke="{FAINT}" fill="none"/>']
    room = PANEL_W / max(1, len(values))
    for number, (size, value) in enumerate(values):
        tall = 0.0 if most <= 0 else value / most * (PANEL_H - 24)
        wide = room * BAR_SHARE
        x = left + number * room + (room - wide) / 2
        parts.append(
            f'<rect x="{x:.1f}" y="{bottom - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
            f'fill="{colour}"/>'
        )
        middle = x + wide / 2
        parts.append(_text(middle, bottom - tall - 5, label(value), anchor="middle"))
        parts.append(_text(middle, bottom + 16, size, anchor="middle"))
    return parts


def _text(  # noqa: PLR0917 -- place, words, look
    x: float,
    y: float,
    words: str,
    size: int = 12,
    weight: str = "normal",
    colour: str = INK,
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )
