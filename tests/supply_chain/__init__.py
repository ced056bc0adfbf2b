"""What Footnote is built from: licences, known advisories and a bill of materials.

`python -m tests.supply_chain` lists all of it and fails where something is not accounted for.
Knows nothing of what the packages are used for, but for the reasons in `table.toml`.
"""
