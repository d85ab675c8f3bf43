"""A rule pack: a TOML file of rules, read, checked and ready to run over batches of payments."""

from __future__ import annotations

import hashlib
import re
import tomllib
from enum import IntEnum, StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import REGISTRY_VERSION, SLOTS
from penstock.contracts.policy import VERDICTS
from penstock.process.decide.rules import tree
from penstock.process.decide.rules.assembling import Assembler, TooLong
from penstock.process.decide.rules.columns import SCORE_SLOT, UNKNOWN_SCORE
from penstock.process.decide.rules.machine import BLOCK, run
from penstock.process.decide.rules.parsing import BadCondition, parse_condition
from penstock.process.decide.rules.scales import decoding_tables

#: Rules of a pack: their ids are the bits 0 to 62 of what fired.
MOST_RULES: Final = 63
#: Bytes of a pack's file, and characters of a sentence.
MOST_BYTES: Final = 262_144
MOST_SENTENCE: Final = 300
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,47}")


class Strength(IntEnum):
    """What the rules that fire ask for, weakest first: the values of ``Pack.verdicts``, as in ``policy.VERDICTS``."""

    ALLOW = 0
    CHALLENGE = 1
    REVIEW = 2
    BLOCK = 3


assert tuple(strength.name.lower() for strength in Strength) == VERDICTS


class Verdict(StrEnum):
    """What one rule asks for when it fires."""

    WATCH = "watch"  # only to be recorded
    CHALLENGE = "challenge"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def strength(self) -> Strength:
        """How much it weighs against others."""
        return Strength.ALLOW if self is Verdict.WATCH else Strength[self.name]


class BadPack(ValueError):
    """The pack cannot be used; ``problems`` are sentences that name the place and the fix."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule, as it is written."""

    id: int  # its bit; for ever
    name: str
    en: str  # what it says, for staff
    zh: str
    when: str  # an SQL condition
    verdict: Verdict


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pack, as it is written."""

    name: str
    rules: tuple[Rule, ...]
    retired: tuple[int, ...] = ()  # ids of rules that are no more
    registry: int = REGISTRY_VERSION  # whose names it uses


class Pack:
    """A checked pack. Nothing of it changes, and threads may share it."""

    def __init__(self, content: Content) -> None:
        problems = [*_check_content(content)]
        self.content = msgspec.structs.replace(
            content, rules=tuple(sorted(content.rules, key=lambda rule: rule.id)), retired=tuple(sorted(content.retired))
        )
        self.conditions: dict[int, tree.Condition] = {}  # by the rule's id
        assembler = Assembler()
        for rule in self.content.rules:
            try:
                self.conditions[rule.id] = parse_condition(rule.when)
                assembler.add(rule.id, self.conditions[rule.id])
            except BadCondition as bad:
                problems.append(f"{_title(rule)}, line {bad.line}, column {bad.column} of `when`: {bad.sentence}")
            except TooLong as error:
                problems.append(f"{_title(rule)}: {error}")
        if problems:
            raise BadPack(problems)
        self._program = assembler.program()
        self._bits = {strength: _bits(self.rules, strength) for strength in Strength if strength is not Strength.ALLOW}

    @property
    def name(self) -> str:
        """The pack's name."""
        return self.content.name

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules by id."""
        return self.content.rules

    def canonical(self) -> bytes:
        """The same bytes for the same pack, however its TOML is written: what a journal keeps."""
        return msgspec.json.encode(self.content, order="sorted")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical bytes, hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def fired(
        self, vectors: NDArray[np.float32] | NDArray[np.float16], scores: NDArray[np.float32] | None = None
    ) -> NDArray[np.int64]:
        """The rules that fire, (n,): bit i = the rule of id i.

        ``vectors`` (n, 64) holds half-precision values, best widened already; ``scores`` (n,) the model's, None or a
        declared -1 = unknown. What is outside of a column's values, NaN included, is unknown too. Allocates its answer
        and a few blocks, however many rules and payments there are.
        """
        values = np.ascontiguousarray(vectors, np.float32)
        if values.ndim != 2 or values.shape[1] != SLOTS:
            raise ValueError(f"vectors are (n, {SLOTS}), not {values.shape}")
        if scores is None:
            scores = np.full(len(values) if self._reads_score else 0, UNKNOWN_SCORE, np.float32)
        elif scores.shape != (len(values),):
            raise ValueError(f"there are {scores.shape} scores for {len(values)} vectors")
        fired = np.zeros(len(values), np.int64)
        with np.errstate(over="ignore"):  # uncompiled kernels: the machine makes what overflows unknown
            self._run(values, np.ascontiguousarray(scores, np.float32), fired)
        return fired

    @cached_property
    def _reads_score(self) -> bool:
        return bool((self._program.columns[:, 0] == SCORE_SLOT).any())

    def _run(self, vectors: NDArray[np.float32], scores: NDArray[np.float32], fired: NDArray[np.int64]) -> None:
        program = self._program
        block = min(BLOCK, max(len(vectors), 1))
        ranks = np.empty((max(len(program.columns), 1), block), np.int32)
        numbers = np.empty((program.most_numbers, block))
        known = np.empty((program.most_numbers, block), np.uint8)
        true = np.empty((program.most_conditions, block), np.uint8)
        run(
            vectors, vectors.view(np.int32), scores, program.columns, program.steps, program.constants,
            decoding_tables(), ranks, numbers, known, true, fired,
        )  # fmt: skip

    def verdicts(self, fired: NDArray[np.int64]) -> NDArray[np.int8]:
        """The strongest verdict of the rules that fired, (n,) of ``Strength``."""
        verdicts = np.zeros(len(fired), np.int8)
        for strength, bits in self._bits.items():  # the stronger later
            verdicts[(fired & bits) != 0] = strength
        return verdicts


def load_pack(path: Path) -> Pack:
    """Read and check a pack's file.

    Raises:
        BadPack: with every problem found.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadPack([f"{path}: the file is larger than {MOST_BYTES:,} bytes; is it a pack?"])
        return parse_pack(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadPack([f"{path}: the pack cannot be read ({error}); check the path"]) from error


def parse_pack(text: str) -> Pack:
    """Read and check a pack written in TOML.

    Raises:
        BadPack: with every problem found.
    """
    try:
        content = msgspec.convert(tomllib.loads(text), Content)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise BadPack([f"the pack cannot be read: {error}; docs/rules.md shows one"]) from error
    return Pack(content)


def read_canonical(data: bytes) -> Pack:
    """The pack of its canonical bytes.

    Raises:
        BadPack: they are not those of a pack of this version.
    """
    try:
        return Pack(msgspec.json.decode(data, type=Content))
    except msgspec.MsgspecError as error:
        raise BadPack([f"these are not a pack's canonical bytes: {error}"]) from error


def breaks_history(before: Pack, after: Pack) -> list[str]:
    """How a pack reuses or drops ids of the one before it: sentences, none = its bits mean what they meant."""
    old, new = ({rule.id: rule.name for rule in pack.rules} for pack in (before, after))
    retired = set(after.content.retired)
    problems = [
        f"rule id {number} was {name} and is {new[number]} now; give the new rule an id of its own, and retire {number}"
        for number, name in old.items()
        if number in new and new[number] != name
    ]
    gone = [*(number for number in old if number not in new), *before.content.retired]
    problems += [
        f"rule id {number} was used before and is neither here nor retired; add it to `retired`"
        for number in gone
        if number not in retired and number not in new
    ]
    return problems + [
        f"rule id {number} was retired; give {new[number]} an id that was never used"
        for number in before.content.retired
        if number in new
    ]


def _bits(rules: tuple[Rule, ...], strength: Strength) -> int:
    return sum(1 << rule.id for rule in rules if rule.verdict.strength is strength)


def _title(rule: Rule) -> str:
    return f"rule {rule.name or '?'} (id {rule.id})"


def _check_content(content: Content) -> list[str]:
    """What is wrong with a pack, apart from its conditions."""
    problems = []
    if not _NAME.fullmatch(content.name):
        problems.append(f"the pack's name {content.name!r} is not made of a-z, 0-9, _ and -, at most 48, a letter first")
    if content.registry != REGISTRY_VERSION:
        problems.append(
            f"the pack is written for version {content.registry} of the feature registry, this is version "
            f"{REGISTRY_VERSION}; check its columns (`penstock rules columns`), then write registry = {REGISTRY_VERSION}"
        )
    if not 1 <= len(content.rules) <= MOST_RULES:
        problems.append(f"the pack has {len(content.rules)} rules; it may have 1 to {MOST_RULES}")
    seen_ids, seen_names = set(content.retired), set[str]()
    for rule in content.rules:
        problems += _check_rule(rule, seen_ids, seen_names)
        seen_ids.add(rule.id)
        seen_names.add(rule.name)
    return problems


def _check_rule(rule: Rule, ids: set[int], names: set[str]) -> list[str]:
    problems = []
    if not 0 <= rule.id < MOST_RULES:
        problems.append(f"{_title(rule)}: an id is a number from 0 to {MOST_RULES - 1}")
    if rule.id in ids:
        problems.append(f"{_title(rule)}: the id is taken or retired; choose one that was never used")
    if not _NAME.fullmatch(rule.name):
        problems.append(f"{_title(rule)}: a name is made of a-z, 0-9, _ and -, at most 48, a letter first")
    if rule.name in names:
        problems.append(f"{_title(rule)}: the name is taken; names are what people know a rule by")
    problems += [
        f"{_title(rule)}: the sentence {language} has {len(sentence)} characters; 1 to {MOST_SENTENCE} say what the rule means"
        for language, sentence in (("en", rule.en), ("zh", rule.zh))
        if not 0 < len(sentence.strip()) <= MOST_SENTENCE
    ]
    return problems
