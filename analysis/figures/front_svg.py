"""The Pareto front as plain inline SVG, for readers without scripts, in the page's text colour."""

from __future__ import annotations

from markupsafe import Markup

from analysis.figures.front import FrontInfo, Mark
from analysis.text import finite
from analysis.theme import Style

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 460, 64, 16, 16, 48


def front_svg(info: FrontInfo, styles: dict[str, Style], summary: str) -> Markup:
    """Axes, the attained step line, trials by outcome, reference arms, confirmed means; names are escaped."""
    view = info.views[0]  # the study's own sparsity
    metric, low, high = view.axis.metric, view.axis.left / 100, view.axis.right / 100

    def x(sparsity: float) -> float:
        return LEFT + (max(sparsity, low) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(accuracy: float) -> float:
        share = (max(accuracy, info.y_low) - info.y_low) / (info.y_high - info.y_low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def dot(mark: Mark, radius: int, fill: str) -> Markup:
        circle = '<circle cx="{:.1f}" cy="{:.1f}" r="{}" stroke="{}" fill="{}" stroke-width="1.5"/>'
        return Markup(circle).format(
            x(mark.at[metric]), y(mark.accuracy), radius, styles[mark.scheduler].color, fill
        )

    parts = []
    for i in range(6):
        at, value = low + (1 - low) * i / 5, info.y_low + (info.y_high - info.y_low) * i / 5
        ticks = (
            '<path d="M{:.1f} {}V{}M{} {:.1f}H{}" stroke="currentColor" stroke-opacity=".15"/>'
            '<text x="{:.1f}" y="{}" text-anchor="middle">{:.0f} %</text>'
            '<text x="{}" y="{:.1f}" text-anchor="end">{:.0f} %</text>'
        )
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        lines = (x(at), TOP, bottom, LEFT, y(value), right)
        parts.append(
            Markup(ticks).format(*lines, x(at), bottom + 18, 100 * at, LEFT - 8, y(value) + 4, 100 * value)
        )
    path = " ".join(f"{x(sparsity):.1f},{y(accuracy):.1f}" for sparsity, accuracy in view.steps)
    parts.append(
        Markup('<polyline points="{}" fill="none" stroke="#0072b2" stroke-width="1.5"/>').format(path)
    )
    for mark in info.dense:
        line = '<path d="M{} {:.1f}H{}" stroke="currentColor" stroke-dasharray="2 3"/>'
        line += '<text x="{}" y="{:.1f}">{}</text>'
        at = y(mark.accuracy)
        parts.append(Markup(line).format(LEFT, at, WIDTH - RIGHT, LEFT + 4, at - 5, mark.label))
    parts += [
        dot(mark, 3, "none")
        for outcome in ("below floor", "infeasible", "dominated")
        for mark in info.of(outcome)
    ]
    parts += [dot(mark, 6, styles[mark.scheduler].color) for mark in info.of("front")]
    for mark in info.of("reference"):
        text = '<text x="{:.1f}" y="{:.1f}">{}</text>'
        parts.append(
            dot(mark, 5, "none")
            + Markup(text).format(x(mark.at[metric]) + 9, y(mark.accuracy) + 4, mark.label)
        )
    for mean in info.confirmed.means:
        spans = [
            (part.low, part.high) if finite(part.low) else (part.value, part.value)
            for part in (mean.at[metric], mean.accuracy)
        ]
        across, up = x(mean.at[metric].value), y(mean.accuracy.value)
        bars = '<path d="M{:.1f} {:.1f}H{:.1f}M{:.1f} {:.1f}V{:.1f}" stroke="{}" stroke-width="1.5"/>'
        ends = (x(spans[0][0]), up, x(spans[0][1]), across, y(spans[1][0]), y(spans[1][1]))
        parts.append(Markup(bars).format(*ends, styles[mean.scheduler].color))
    title = '<text x="{}" y="{}" text-anchor="middle">{}</text>'
    title += '<text transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>'
    parts.append(
        Markup(title).format(
            (LEFT + WIDTH) // 2, HEIGHT - 8, view.axis.title, (HEIGHT - BOTTOM) // 2, info.y_title
        )
    )
    opening = '<svg class="static" viewBox="0 0 {} {}" role="img" aria-label="{}" '
    opening += 'font-size="13" fill="currentColor">'
    return Markup(opening).format(WIDTH, HEIGHT, summary) + Markup("").join(parts) + Markup("</svg>")
