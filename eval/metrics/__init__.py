"""Measures of the evaluation, by their standard names in the field: pure functions.

Knows nothing of files, of cases or of the program that is measured. A measure that does not
apply is None, never 0: a zero would be averaged.
"""
