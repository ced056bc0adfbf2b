"""Measures Footnote from outside, as its users see it.

Uses only the public names of `rag`, and knows nothing of the page's code.
"""
