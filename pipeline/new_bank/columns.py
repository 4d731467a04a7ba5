"""Profiles of delivered columns: how full, how many values, which form of date or number, codes."""

from dataclasses import dataclass, field

import duckdb

from pipeline.ingest.relations import number, sql_name

SAMPLED = 50_000  # rows in which the form of a column is looked for; it is then counted over all rows
MOST_CODES = 40  # distinct values up to which they are listed
LONG_CODE = 60  # characters


@dataclass(frozen=True)
class Form:
    """A way in which text writes a date or a number: its pattern, and what makes it the contract's."""

    name: str
    kind: str  # date, number or whole
    pattern: str
    replaced: str = ""  # by this the pattern's groups are replaced; empty: as it is


_Y, _M, _D = r"((?:19|20)\d\d)", r"(0?[1-9]|1[0-2])", r"(0?[1-9]|[12]\d|3[01])"
_M2, _D2, _CLOCK = r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])", r"([ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"
FORMS = (
    Form("YYYY-MM-DD", "date", rf"^{_Y}-{_M}-{_D}{_CLOCK}$"),
    Form("YYYYMMDD", "date", rf"^{_Y}{_M2}{_D2}$", r"\1-\2-\3"),
    Form("YYYYMMDDhhmmss", "date", rf"^{_Y}{_M2}{_D2}(\d\d)(\d\d)(\d\d)$", r"\1-\2-\3 \4:\5:\6"),
    Form("DD.MM.YYYY", "date", rf"^{_D}\.{_M}\.{_Y}{_CLOCK}$", r"\3-\2-\1\4"),
    Form("DD/MM/YYYY", "date", rf"^{_D}[/-]{_M}[/-]{_Y}{_CLOCK}$", r"\3-\2-\1\4"),
    Form("MM/DD/YYYY", "date", rf"^{_M}[/-]{_D}[/-]{_Y}{_CLOCK}$", r"\3-\1-\2\4"),
    Form("YYYY/MM/DD", "date", rf"^{_Y}/{_M}/{_D}{_CLOCK}$", r"\1-\2-\3\4"),
    Form("YYYY年M月D日", "date", rf"^{_Y}年{_M}月{_D}日$", r"\1-\2-\3"),
    Form("YYMMDD", "date", rf"^(\d\d){_M2}{_D2}{_CLOCK}$", r"20\1-\2-\3\4"),
    Form("whole numbers", "whole", r"^[+-]?\d+$"),
    Form("1234.56", "number", r"^[+-]?\d*\.?\d+$"),
    Form("1,234.56", "number", r"^[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$"),
    Form("1.234,56", "number", r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"),
    Form("1 234,56", "number", r"^[+-]?(\d{1,3}([ \x{00A0}\x{202F}]\d{3})+|\d+)(,\d+)?$"),
)  # fmt: skip
TEXT = Form("text", "text", "")
TYPED = {"DATE": "date", "TIMESTAMP": "date"}


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a source.

    ``distinct`` is an estimate, but exact where nearly no value comes twice (in a ``key`` none does) and
    where ``codes`` are listed with their rows. ``fits`` are the filled values that have the form. ``typed``
    is true for Parquet columns with a type of their own.
    """

    source: str
    name: str
    rows: int
    filled: int
    distinct: int
    lowest: str
    highest: str
    negative: int
    form: Form
    fits: int
    typed: bool
    key: bool
    codes: dict[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> str:
        """The filled and the distinct values, the lowest and the highest, in words."""
        empty = self.rows - self.filled
        emptiness = f", {empty:,} empty" if empty else ""
        about = "" if self.codes or self.distinct >= 0.9 * self.rows else "about "
        unique = "each once" if self.key else f"{about}{self.distinct:,} different"
        reach = f", {self.lowest} to {self.highest}" if self.form.kind in ("date", "number") else ""
        return f"{self.fits:,} of {self.filled:,} as {self.form.name}{emptiness}, {unique}{reach}"


def profiles(con: duckdb.DuckDBPyConnection, source: str) -> dict[str, ColumnProfile]:
    """The profiles of a source's columns by name; the source is a relation of the connection."""
    described = con.execute(f"DESCRIBE {sql_name(source)}").fetchall()
    types = {name: kind for name, kind, *_ in described if name not in ("_file", "_line")}
    rows = number(con, f"SELECT count(*) FROM {sql_name(source)}")
    forms = _forms(con, source, types, rows)
    parts = [_counts(name, forms[name]) for name in types]
    ((*counts,),) = con.execute(f"SELECT {', '.join(parts)} FROM {sql_name(source)}").fetchall()
    result = {}
    for place, (name, kind) in enumerate(types.items()):
        filled, distinct, lowest, highest, negative, fits = counts[6 * place : 6 * place + 6]
        if distinct >= 0.8 * rows:
            distinct = number(con, f"SELECT count(DISTINCT {sql_name(name)}) FROM {sql_name(source)}")
        listed = 0 < distinct <= MOST_CODES * 1.1 and forms[name].kind in ("text", "whole")
        codes = _codes(con, source, name) if listed else {}
        typed, key = kind not in ("VARCHAR", "BLOB"), distinct == filled == rows > 0
        result[name] = ColumnProfile(
            source, name, rows, filled, len(codes) or min(distinct, filled), lowest or "", highest or "",
            negative, forms[name], fits, typed, key, codes,
        )  # fmt: skip
    return result


def text_of(name: str) -> str:
    """SQL: a column as text without blanks around it; NULL where nothing is left."""
    return f"nullif(trim({sql_name(name)}::VARCHAR), '')"


def _forms(con: duckdb.DuckDBPyConnection, source: str, types: dict[str, str], rows: int) -> dict[str, Form]:
    """The form of each column: a typed one by its type, text by the first form that 98 of 100 values have."""
    by_type = {name: _form_of_type(kind) for name, kind in types.items()}
    texts = [name for name, form in by_type.items() if form is None]
    forms = {name: form for name, form in by_type.items() if form is not None}
    if not texts:
        return forms
    parts = [
        f"count({text_of(name)}), "
        + ", ".join(f"count(*) FILTER (regexp_matches({text_of(name)}, '{form.pattern}'))" for form in FORMS)
        for name in texts
    ]
    sample = f"SELECT * FROM {sql_name(source)} WHERE _line % {rows // SAMPLED + 1} = 0"
    ((*counts,),) = con.execute(f"SELECT {', '.join(parts)} FROM ({sample})").fetchall()
    for place, name in enumerate(texts):
        filled, *fits = counts[place * (len(FORMS) + 1) : (place + 1) * (len(FORMS) + 1)]
        fitting = [form for form, fit in zip(FORMS, fits, strict=True) if filled and fit >= 0.98 * filled]
        best = max(fits) if fitting and fitting[0].name == "DD/MM/YYYY" else 0
        forms[name] = fitting[0] if fitting else TEXT
        if best and fits[FORMS.index(forms[name])] < best and fitting[1:]:
            forms[name] = fitting[1]
    return forms


def _form_of_type(kind: str) -> Form | None:
    if kind in ("VARCHAR", "BLOB") or kind.startswith("ENUM"):
        return None
    if kind in TYPED or kind.startswith("TIMESTAMP"):
        return Form(kind, "date", "")
    if kind.endswith("INT") or kind == "INTEGER":
        return Form(kind, "whole", "")
    numeric = kind.startswith("DECIMAL") or kind in ("DOUBLE", "FLOAT")
    return Form(kind, "number" if numeric else "text", "")


def _counts(name: str, form: Form) -> str:
    """SQL: filled, distinct, lowest, highest, negative, and how many have the form."""
    text, typed = text_of(name), not form.pattern
    fits = f"count({text})" if typed else f"count(*) FILTER (regexp_matches({text}, '{form.pattern}'))"
    value = text
    if form.kind == "date" and not typed:
        value = as_date(text, form)
    elif form.kind in ("number", "whole"):
        value = f"TRY_CAST({as_number(text, form)} AS DECIMAL(38,4))"
    return (
        f"count({text}), approx_count_distinct({text}), min({value})::VARCHAR, max({value})::VARCHAR, "
        f"count(*) FILTER ({text} LIKE '-%'), {fits}"
    )


def as_date(expression: str, form: Form, *, clock: bool = True, old: bool = False) -> str:
    """SQL: the text with its dates as YYYY-MM-DD; what has another form stays as it is.

    Without ``clock`` a text with a clock time has another form. Two-digit years are of 1970 to 2069, and with
    ``old`` of the last century.
    """
    if not form.replaced:
        return expression
    pattern, replaced = form.pattern, form.replaced
    for strict, loose in (
        (_Y, r"(\d{4})"),
        (_M2, r"(\d\d)"),
        (_D2, r"(\d\d)"),
        (_M, r"(\d\d?)"),
        (_D, r"(\d\d?)"),
    ):
        pattern = pattern.replace(strict, loose)  # whether the day exists is for the contract to say
    if not clock and _CLOCK in pattern:
        pattern, replaced = pattern.replace(_CLOCK, ""), replaced.removesuffix(r"\4")
    if form.name == "YYMMDD":
        last_century = replaced.replace("20", "19")
        if old:
            return f"regexp_replace({expression}, '{pattern}', '{last_century}')"
        seventies = pattern.replace(r"(\d\d)", r"([7-9]\d)", 1)
        expression = f"regexp_replace({expression}, '{seventies}', '{last_century}')"
    return f"regexp_replace({expression}, '{pattern}', '{replaced}')"


def as_number(expression: str, form: Form) -> str:
    """SQL: the text with a decimal point and without marks between thousands."""
    if form.name == "1,234.56":
        return f"replace({expression}, ',', '')"
    if form.name == "1.234,56":
        return f"replace(replace({expression}, '.', ''), ',', '.')"
    if form.name == "1 234,56":
        return f"replace(regexp_replace({expression}, '[ \\x{{00A0}}\\x{{202F}}]', '', 'g'), ',', '.')"
    return expression


def _codes(con: duckdb.DuckDBPyConnection, source: str, name: str) -> dict[str, int]:
    """The values with their rows, the most frequent first; none where they are too many or too long."""
    found_values = con.execute(
        f"SELECT {text_of(name)} AS code, count(*) FROM {sql_name(source)} WHERE code IS NOT NULL "
        f"GROUP BY code ORDER BY count(*) DESC, code LIMIT {MOST_CODES + 1}"
    ).fetchall()
    short = len(found_values) <= MOST_CODES and all(len(code) <= LONG_CODE for code, _ in found_values)
    return dict(found_values) if short else {}


def share_within(
    con: duckdb.DuckDBPyConnection, inner: ColumnProfile, outer: ColumnProfile
) -> tuple[int, int, int]:
    """Distinct values of ``inner``, how many of them ``outer`` holds, and distinct values of ``outer``."""
    values = [
        f"SELECT DISTINCT {text_of(profile.name)} AS value FROM {sql_name(profile.source)} WHERE "
        "value IS NOT NULL"
        for profile in (inner, outer)
    ]
    ((total, contained, others),) = con.execute(
        f"WITH a AS ({values[0]}), b AS ({values[1]}) SELECT (SELECT count(*) FROM a), "
        "(SELECT count(*) FROM a SEMI JOIN b USING (value)), (SELECT count(*) FROM b)"
    ).fetchall()
    return total, contained, others
