"""What branches and the bank see of their customers, as published with a run: one module per content.

A content is a frozen dataclass tree of JSON's types and tuples, days as ISO text. A key of money ends in
``_minor`` (int, in minor units of the base currency); the others are counts, shares and words. A comment
behind a field is its meaning in the documents.
"""
