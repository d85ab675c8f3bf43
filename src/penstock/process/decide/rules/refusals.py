"""What SQL can say and rules cannot: why, and what to write instead."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from penstock.contracts.commands import PaymentType

_CLOCKS: Final = frozenset({"now", "clock_timestamp", "getdate", "sysdate", "today", "localtime", "timeofday"})
_CHANCE: Final = frozenset({"random", "rand", "randn", "uuid", "gen_random_uuid", "newid"})

_CLOCK: Final = "a rule reads no clock, for it must say the same when it is run again; use payment.hour and payment.weekday"
_RANDOM: Final = "nothing in a rule is left to chance, for it must say the same when it is run again"
_QUERY: Final = "a rule cannot query: it sees one payment and its features"
_AGGREGATE: Final = (
    "an aggregate looks at other payments, a rule sees one; use a feature such as payer.count_day, "
    "and least(…) or greatest(…) for the smallest or greatest of several numbers"
)
_PLACEHOLDER: Final = "a rule has no parameters; write the number itself"
#: The first that fits counts.
_SENTENCES: Final[tuple[tuple[tuple[type[exp.Expr], ...], str], ...]] = (
    ((exp.Query, exp.Subquery, exp.Exists, exp.All, exp.Any), _QUERY),
    ((exp.AggFunc, exp.Window, exp.Filter), _AGGREGATE),
    ((exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.CurrentDatetime), _CLOCK),
    ((exp.Rand, exp.Randn, exp.Uuid), _RANDOM),
    ((exp.Null,), "NULL is no number, and comparing with it is never true; write x IS UNKNOWN, or x IS KNOWN"),
    ((exp.Placeholder, exp.Parameter, exp.SessionParameter), _PLACEHOLDER),
    ((exp.Cast,), "every column is a number already; leave the cast away"),
    ((exp.Like, exp.ILike, exp.RegexpLike), "columns are numbers, there is no text to match; compare numbers"),
    ((exp.NullSafeEQ, exp.NullSafeNEQ), "use = or <>, and say IS UNKNOWN where that is meant"),
    ((exp.If,), "write CASE WHEN … THEN … ELSE … END"),
    ((exp.Star,), "* stands for no column; name one"),
    ((exp.Alias,), "a rule gives no names to its parts; leave AS away"),
    ((exp.Xor,), "write (a AND NOT b) OR (b AND NOT a)"),
)


def refusal(node: exp.Expr) -> str:
    """The sentence for a node that has no place in a rule."""
    if isinstance(node, exp.Literal) and node.is_string:
        return _text(node.name)
    return _known(node) or f"{node.sql()[:60]} is not part of the language of rules; docs/rules.md lists what is"


def is_known_function(node: exp.Expr) -> bool:
    """Whether a function of nobody's is one of which there is something better to say."""
    return _known(node) is not None


def _known(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Anonymous):
        name = str(node.this).lower()
        return _CLOCK if name in _CLOCKS else _RANDOM if name in _CHANCE else None
    return next((sentence for kinds, sentence in _SENTENCES if isinstance(node, kinds)), None)


def _text(text: str) -> str:
    """A text where a number is wanted: the number that was meant, where that can be told."""
    word = text.strip().upper()
    if word in PaymentType.__members__:
        return f"{text!r} is a text where a number is wanted; payment.type is a number, {word.lower()} is {PaymentType[word]:d}"
    try:
        return f"{text!r} is a text where a number is wanted; write {float(text):g} without quotation marks"
    except ValueError:
        return f"{text!r} is a text where a number is wanted; every column is a number"
