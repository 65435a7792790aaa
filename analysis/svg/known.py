"""What the renderer knows of plotly's figures. A key that is not here is refused.

Entries: ANY: drawn, or of no effect on paper, whatever its value; a tuple: only these values; a mapping: the
keys inside it.
"""

from __future__ import annotations

from typing import Any, Final

ANY: Final = object()


def _keys(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), ANY)


# Of hover, selection, animation and bookkeeping nothing is seen on paper.
_SCREEN = _keys(
    "hoverinfo hovertext hovertemplate hoverlabel hoveron customdata meta ids uid uirevision selectedpoints "
    "selected unselected stream legendwidth type visible xhoverformat yhoverformat zhoverformat hoverongaps"
)
_FONT = _keys("family size color") | {"weight": ("normal", "bold", 400, 600, 700), "style": ("normal",)}
_LINE = _keys("color width dash simplify") | {"shape": ("linear", "hv", "vh", "hvh", "vhv")}
_BAR = _keys("title tickvals ticktext ticksuffix tickprefix tickformat tickfont thickness len x y") | {
    "thicknessmode": ("pixels",), "lenmode": ("fraction",), "outlinewidth": ANY,
    "tickmode": ("array", "auto"), "outlinecolor": ANY, "nticks": ANY,
    "title": {"text": ANY, "side": ("right", "top"), "font": _FONT},
    "xpad": ANY, "ypad": ANY, "xanchor": ("left",), "yanchor": ("middle",), "orientation": ("v",),
    "ticks": ANY, "tickfont": _FONT, "bgcolor": ANY, "ticklen": ANY, "borderwidth": (0,),
}  # fmt: skip
_SCALE = _keys("colorscale showscale reversescale") | {"colorbar": _BAR, "autocolorscale": (False,)}
_MARKER = _SCALE | _keys("color size symbol opacity cmin cmax") | {
    "line": _keys("color width"), "sizemode": ("diameter",), "sizemin": (0,), "cauto": ANY,
}  # fmt: skip
_ERROR = _keys("array arrayminus symmetric color thickness width visible value valueminus") | {
    "type": ("data", "constant", "percent"),
}  # fmt: skip
_SHARED = _SCREEN | _keys(
    "x y xaxis yaxis name opacity showlegend legendgroup legendrank cliponaxis x0 dx y0 dy zorder"
) | {"legendgrouptitle": {"text": ANY}, "legend": ("legend",)}  # fmt: skip
_PLACES = tuple(f"{y} {x}" for y in ("top", "middle", "bottom") for x in ("left", "center", "right"))
TRACES: dict[str, dict[str, Any]] = {
    "scatter": _SHARED | _keys("mode text fillcolor connectgaps") | {
        "marker": _MARKER, "line": _LINE, "error_x": _ERROR, "error_y": _ERROR, "textfont": _FONT,
        "textposition": _PLACES, "fill": ("none", "tozeroy", "tozerox", "tonexty", "tonextx", "toself"),
        "hoveron": ANY, "texttemplate": (), "stackgroup": (),
    },
    "bar": _SHARED | _keys("text base width offset") | {
        "marker": _SCALE | _keys("color opacity cmin cmax") | {"line": _keys("color width"), "pattern": {}},
        "error_x": _ERROR, "error_y": _ERROR, "orientation": ("v", "h"), "textfont": _FONT,
        "textposition": ("none", "auto", "inside", "outside"), "constraintext": ANY, "offsetgroup": (),
        "insidetextanchor": ("end", "middle"), "textangle": (0,), "insidetextfont": _FONT,
        "outsidetextfont": _FONT, "texttemplate": ("%{text}",), "alignmentgroup": (),
    },
    "heatmap": _SHARED | _SCALE | _keys("z zmin zmax zmid xgap ygap text") | {
        "texttemplate": ("%{text}", "%{z}"), "textfont": _FONT, "zsmooth": (False,), "zauto": ANY,
        "coloraxis": (), "transpose": (False,),
    },
}  # fmt: skip
_TITLE = {"text": ANY, "font": _FONT, "standoff": ANY}
_AXIS = _keys(
    "range autorange anchor domain side overlaying position matches showgrid gridcolor gridwidth griddash "
    "zeroline zerolinecolor zerolinewidth showline linecolor linewidth ticks ticklen tickwidth tickcolor "
    "tickvals ticktext ticksuffix tickprefix tickformat dtick tick0 nticks tickangle showticklabels "
    "categoryarray automargin fixedrange visible hoverformat showspikes spikemode spikecolor spikethickness "
    "spikedash spikesnap constrain layer uirevision separatethousands exponentformat minexponent "
    "ticklabelstandoff ticklabeloverflow showexponent ticklabelstep autorangeoptions insiderange"
) | {
    "type": ("linear", "log", "category", "-"), "title": _TITLE, "tickfont": _FONT, "mirror": (False,),
    "tickmode": ("auto", "array", "linear"), "rangemode": ("normal", "tozero", "nonnegative"),
    "categoryorder": ("trace", "array", "category ascending", "category descending"),
    "showtickprefix": ("all",), "showticksuffix": ("all",), "ticklabelposition": ("outside",),
    "minor": {}, "scaleanchor": (), "rangeslider": {"visible": (False,)}, "ticklabelmode": ("instant",),
}  # fmt: skip
_ANNOTATION = _keys(
    "x y xref yref text font showarrow xanchor yanchor xshift yshift align bgcolor bordercolor borderwidth "
    "borderpad opacity textangle ax ay arrowcolor arrowwidth arrowsize standoff startstandoff arrowhead name "
    "captureevents hovertext hoverlabel visible width"
) | {"font": _FONT, "axref": ("pixel",), "ayref": ("pixel",), "arrowside": ("end",)}
_SHAPE = _keys("x0 x1 y0 y1 xref yref opacity fillcolor name visible showlegend legendgroup") | {
    "type": ("line", "rect", "circle"), "line": _LINE, "layer": ("above", "below", "between"),
    "label": {"text": ("",)}, "editable": ANY,
}  # fmt: skip
_LEGEND = _keys(
    "x y xref yref xanchor yanchor orientation font bgcolor bordercolor borderwidth itemsizing itemwidth "
    "entrywidth entrywidthmode traceorder tracegroupgap itemclick itemdoubleclick groupclick visible "
    "indentation valign uirevision maxheight"
) | {"title": {"text": ANY, "font": _FONT, "side": ("top", "left")}}
LAYOUT: dict[str, Any] = _keys(
    "width height autosize hovermode hoverlabel hoverdistance spikedistance dragmode clickmode modebar "
    "uirevision selectionrevision datarevision meta bargap bargroupgap showlegend paper_bgcolor plot_bgcolor "
    "newshape activeshape colorway separators font margin transition hidesources minreducedwidth grid"
) | {
    "xaxis": _AXIS, "yaxis": _AXIS, "annotations": _ANNOTATION, "shapes": _SHAPE, "legend": _LEGEND,
    "barmode": ("group", "stack", "overlay", "relative"), "font": _FONT, "uniformtext": ANY,
    "title": _TITLE | _keys("x y xanchor yanchor pad xref yref automargin") | {"subtitle": {"text": ("",)}},
    "colorscale": ANY,
}  # fmt: skip
