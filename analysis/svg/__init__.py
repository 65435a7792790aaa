"""Plotly's figures as SVG, without a browser: what the report's figures need of plotly, and nothing else.

`render.draw` is the door. What it cannot draw it refuses (`Unsupported`), it leaves nothing out in silence.
"""
