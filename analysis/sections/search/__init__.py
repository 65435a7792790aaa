"""How the search went, in one section: a file for each of its figures, and `section` that joins them."""

from analysis.sections.search.section import search as search
