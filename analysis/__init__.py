"""From a study folder to one self-contained HTML report. Reads files only; knows neither Ray nor torch."""
