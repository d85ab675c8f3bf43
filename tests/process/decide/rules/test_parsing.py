"""What a condition may say, and how it is refused otherwise: the place, and the fix."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.process.decide.rules.columns import COLUMNS
from penstock.process.decide.rules.parsing import MOST_CHARACTERS, MOST_LEVELS, BadCondition, parse_condition
from penstock.process.decide.rules.tree import columns_of

REFUSED = [
    ("payer.count_huor > 5", "did you mean payer.count_hour", 1),
    ("count_hour > 5", "did you mean payer.count_hour or payee.count_hour", 1),
    ("payer.age > 5 AND\n  paying.amount > 3", "did you mean payment.amount", 3),
    ("shop.payer.age > 5", "more than a rule may", 1),
    ("payer.* > 5", "no column", 1),
    ("payment.type = 'purchase'", "purchase is 2", 16),
    ("payment.amount > '100'", "write 100 without quotation marks", 18),
    ("payment.amount LIKE '1%'", "compare numbers", 1),
    ("sum(payer.age) > 5", "aggregate", 1),
    ("count(*) > 5", "aggregate", 1),
    ("max(payer.age, 3) > 5", "greatest", 1),
    ("sum(payer.age) OVER () > 5", "aggregate", 1),
    ("payer.age > (SELECT 1)", "cannot query", 21),
    ("EXISTS (SELECT 1)", "cannot query", 16),
    ("payer.age IN (SELECT 1)", "more than a rule may", 1),
    ("payer.age > ALL (SELECT 1)", "cannot query", 25),
    ("now() > 5", "reads no clock", 1),
    ("payer.age < CURRENT_TIMESTAMP", "reads no clock", 1),
    ("random() > 0.5", "left to chance", 1),
    ("abss(payer.age) > 5", "did you mean abs", 1),
    ("launch(payer.age) > 5", "there are abs, least", 1),
    ("sqrt(payer.age) > 5", "not part of the language", 1),
    ("payer.age % 2 = 0", "not part of the language", 1),
    ("payer.age ^ 2 = 0", "not part of the language", 1),
    ("CAST(payer.age AS INT) > 5", "leave the cast away", 6),
    ("payer.age = NULL", "IS UNKNOWN", 1),
    ("payer.age > 5 IS TRUE", "true or false where a number", 13),
    ("(payer.age > 5) IS TRUE", "true or false where a number is wanted|needs no IS TRUE", 2),
    ("payer.age IS DISTINCT FROM 5", "use = or <>", 1),
    ("payer.age BETWEEN SYMMETRIC 5 AND 3", "more than a rule may", 1),
    ("payer.age", "a number where a condition", 1),
    ("NOT payer.age", "a number where a condition", 5),
    ("payer.age > 5 AND 3", "a number where a condition", 19),
    ("(payer.age > 5) + 1 > 0", "true or false where a number", 2),
    ("payer.age > 1 > 0", "true or false where a number", 1),
    ("if(payer.age > 5, 1, 0) = 1", "write CASE", 4),
    ("CASE payer.age WHEN 5 THEN 1 END = 1", "write the condition out", 6),
    ("payer.age > 1 / 0", "divides by zero", 13),
    ("payer.age > 1e15 * 1e15 * (1 / (1 - 1))", "divides by zero", 28),
    ("payer.age > 1e400", "too large", 13),
    ("payer.age > INTERVAL '1 month'", "weeks", 1),
    ("payer.age > INTERVAL 'a while'", "weeks", 22),
    ("payer.age > ?", "no parameters", 1),
    ("payer.age > :most", "no parameters", 1),
    ("raw(3) > 1", "raw takes one column", 1),
    ("raw(payer.age, payer.gap) > 1", "raw takes one column", 1),
    ("raw('payer.age') > 1", "text", 5),
    ("payer.age > 1_000", "without underscores", 14),
    ("payer.age > 1 && payer.gap > 1", "AND, OR and NOT in words", 15),
    ("payer.age > 1 payer.gap > 2", "not expected", 15),
    ("payer.age >", "not expected", 11),
    ("(payer.age > 1", "count the parentheses", 14),
    ("payer.age > 1; DROP TABLE payments", "not expected", 16),
    ("payer.age > 1 LIMIT 3", "not expected", 15),
    ("SELECT 1", "not expected|cannot query", 1),
    ("payer.age > 1 AS old", "not expected|leave AS away", 15),
    ("payer.age > 'x", "not closed", 1),
    ("", "empty", 1),
    ("-- nothing", "empty", 1),
    ("payer.age IN ()", "needs its numbers|not expected", 1),
]


@pytest.mark.parametrize(("text", "says", "column"), REFUSED, ids=[text for text, _, _ in REFUSED])
def test_what_is_refused_says_where_and_what_to_do(text: str, says: str, column: int) -> None:
    with pytest.raises(BadCondition, match=says) as caught:
        parse_condition(text)
    assert (caught.value.column, caught.value.line) == (column, 1 + text.count("\n"))


@pytest.mark.parametrize(
    "text",
    [
        "payer.age > 1 -- a remark",
        "PAYER.AGE > 1 and not Payer.Gap is unknown",
        '"payer"."age" <> 1 OR payer.age != 1',
        "payer.gap < INTERVAL '5 minutes' AND payer.age > INTERVAL 2 weeks",
        "payer.age BETWEEN -1 AND +1e3 AND payer.age NOT IN (.5, 2)",
        "CASE WHEN payer.age > 1 THEN 2 WHEN payer.gap > 3 THEN payer.gap END / 2 >= least(1, 2, score)",
        "abs(-payer.amount_z) > greatest(3, raw(payer.count_hour)) OR coalesce(device.seen, 0) = 0",
    ],
)
def test_what_analysts_write_is_read(text: str) -> None:
    assert columns_of(parse_condition(text))


def test_names_are_read_once_and_in_order() -> None:
    condition = parse_condition("score > 0.5 AND payer.gap < 3 AND (raw(payer.gap) > 1 OR payee.seen IS KNOWN)")
    assert [column.name for column in columns_of(condition)] == ["score", "payer.gap", "payee.seen"]


def test_every_name_can_be_read() -> None:
    for name in COLUMNS:
        assert [column.name for column in columns_of(parse_condition(f"{name} > 0"))] == [name]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30 + "payer.age > 1" + ")" * 30,
        "NOT " * 400 + "payer.age > 1",
        "- " * 900 + "payer.age > 1",
        "abs(" * 17 + "payer.age" + ")" * 17 + " > 1",
        "payer.age" + " + 1" * 16 + " > 1",
        "CASE WHEN " * 17 + "payer.age > 1" + " THEN 1 END = 1" * 17,
    ],
)
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(BadCondition, match=f"at most {MOST_LEVELS}"):
        parse_condition(text)


def test_many_alternatives_are_not_deep() -> None:
    parse_condition(" OR ".join(["payer.age > 1"] * 100))


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(BadCondition, match="make it two rules"):
        parse_condition("payer.age > 1" + " " * MOST_CHARACTERS)


_PIECES = st.sampled_from(
    ["payer.age", "score", "1", "0.5", "'x'", "(", ")", "AND", "OR", "NOT", "IN", "BETWEEN", "IS", "UNKNOWN", "KNOWN", "NULL",
     "CASE", "WHEN", "THEN", "ELSE", "END", "+", "-", "*", "/", "=", "<", ">=", ",", ".", "abs(", "least(", "raw(", "INTERVAL",
     "SELECT", ";", "::", "[", "]", "{", "}", "@", "?", "$", "--", "/*", "价", "\x00", "\n"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    bad = refusal(text)
    assert bad is None or (bad.sentence and bad.line >= 1 and bad.column >= 1)


def refusal(text: str) -> BadCondition | None:
    try:
        parse_condition(text)
    except BadCondition as bad:
        return bad
    return None
