"""The mapping file: errors name place and fix, and one file serves the import and the history."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from penstock.contracts.mapping import HISTORY_ONLY, IMPORT_ONLY, BadMapping
from penstock.improve.history import mapping as history
from penstock.improve.history.problems import Problem
from penstock.prepare.importing import mapping as importing

HEAD = '[payer]\ncolumn = "who"\n[amount]\ncolumn = "sum"\n[time]\ncolumn = "at"\n'
STEP = HEAD + 'unit = "step"\nstep_seconds = 60\n'
LABEL = '[label]\ncolumn = "l"\nfraud = [1]\ngenuine = [0]\n'
ROOT = Path(__file__).parents[3]
EXAMPLES, PAGE = ROOT / "examples", ROOT / "docs" / "mapping.md"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[payer]\n", "column"),
        (HEAD + "[surprise]\nx = 1\n", "surprise"),
        (HEAD + 'unit = "fortnight"\n', "unit"),
        (HEAD + 'unit = "step"\n', r"time\.step_seconds.*such as step_seconds = 3600"),
        (HEAD + "step_seconds = 5\n", r"time\.step_seconds.*leave it out"),
        (HEAD + 'unit = "s"\nformat = "%Y"\n', r"time\.format.*leave it out"),
        (HEAD + 'zone = "Mars/Olympus"\n', r"time\.zone.*Asia/Shanghai"),
        (HEAD + '[currency]\nconstant = "XAU"\n', "currency: 'XAU' is not one of CNY"),
        (HEAD + '[currency]\ncolumn = "c"\nconstant = "CNY"\n', "currency: give either"),
        (HEAD + '[type]\ncolumn = "c"\nmap = { a = "gift" }\n', "type: 'gift' is not one of transfer"),
        (HEAD + '[type]\nwords = ["a"]\n', "type: give either"),
        (HEAD + '[channel]\ncolumn = "c"\nwords = ["a", "a"]\n', r"channel\.words.*give each once"),
        (HEAD + '[place]\nlatitude = "a"\n', "place: latitude and longitude go together"),
        (HEAD + "[place]\n", "place: give `column`"),
        (HEAD + LABEL + "delay_days = 1\ndelay_hours = 2\n", "delay_days and delay_hours say the same; keep one"),
        (HEAD + LABEL + "delay_steps = 1\n", r"label\.delay_steps: the time has no steps; use delay_days"),
        (STEP + LABEL + "maturity_steps = -1\n", r"label\.maturity_steps: -1.* is not between 0 and 3,650 days"),
        (HEAD + LABEL.replace("[0]", "[0, 1.0]"), "label: '1' is given twice"),
        (HEAD + LABEL.replace("[1]", "[]"), r"label\.fraud: name at least one value"),
        (HEAD + '[[extra]]\ncolumn = "a"\n' * 5, "extra: a payment has room for 4"),
        ("not toml", r"cannot be read.*docs/mapping\.md"),
    ],
)
def test_a_bad_mapping_is_refused_with_its_place_and_fix(text: str, said: str) -> None:
    with pytest.raises(BadMapping, match=said):
        history.parse_mapping(text)


@pytest.mark.parametrize(
    ("more", "delay_days", "maturity_days"),
    [("", None, 30), ("delay_steps = 1440\n", 1, 1), ("delay_hours = 48\nmaturity_steps = 14400\n", 2, 10), ("maturity_hours = 12\n", None, 0.5)],
)
def test_spans_are_days_hours_or_steps(more: str, delay_days: float | None, maturity_days: float) -> None:
    mapping = history.parse_mapping(STEP + LABEL + more)
    assert mapping.delay_us == (None if delay_days is None else delay_days * 86_400e6)
    assert mapping.maturity_us == maturity_days * 86_400e6


def test_one_file_serves_the_import_and_the_history() -> None:
    shared = HEAD.replace("[payer]", '[payee]\ncolumn = "to"\ntier = "merchant"\n[payer]') + 'unit = "s"\n' + LABEL
    shared += '[funding]\nmode = "none"\n[metadata]\ndevice = "d"\n[device]\ncolumn = "d"\n[rows]\norder = "time"\non_bad_row = "skip"\n'
    text = 'missing = ["NA"]\n' + shared
    sent, learned = importing.load_mapping(text), history.parse_mapping(text)
    assert sent.funding.mode is importing.Funding.NONE
    assert sent.rows.order == "time"
    assert learned.device is not None
    assert learned.rows.on_bad_row == "skip"
    # What only detection reads does not make it another import, which would pay everything again.
    assert importing.load_mapping(text.replace("fraud = [1]", "fraud = [7]")).canonical() == sent.canonical()


def test_what_one_reader_leaves_out_the_other_knows() -> None:
    def keys(slots: type[msgspec.Struct], table: str) -> set[str]:
        fields = {field.name: field.type for field in msgspec.structs.fields(slots)}
        inner = msgspec.inspect.type_info(fields[table])
        members = inner.types if isinstance(inner, msgspec.inspect.UnionType) else (inner,)
        struct = next(member.cls for member in members if isinstance(member, msgspec.inspect.StructType))
        return set(struct.__struct_fields__)

    pairs = ((HISTORY_ONLY, history.HistoryMapping, importing.Mapping), (IMPORT_ONLY, importing.Mapping, history.HistoryMapping))
    for others, owner, stranger in pairs:
        for table in set(owner.__struct_fields__) | set(stranger.__struct_fields__):
            if table not in stranger.__struct_fields__:
                assert others[table] == frozenset(), table
            elif table in owner.__struct_fields__ and table not in ("metadata", "missing"):
                assert others.get(table, frozenset()) == keys(owner, table) - keys(stranger, table), table


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("import-*.toml")), ids=lambda path: path.stem)
def test_the_examples_serve_both(path: Path) -> None:
    assert importing.read_mapping(path).payee.column
    assert history.load_mapping(path).label is not None


def test_the_page_shows_every_slot_and_key_and_names_every_problem() -> None:
    page = PAGE.read_text("utf-8")
    shown = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    mapping = history.parse_mapping(shown)
    assert mapping.maturity_us == 30 * 86_400_000_000
    for table in history.HistoryMapping.__struct_fields__:
        assert re.search(rf"^\[*{table}\b", shown, re.MULTILINE), table
    assert [problem for problem in Problem if f"`{problem}`" not in page] == []
