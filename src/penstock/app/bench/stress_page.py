"""The report of a stress test as one HTML file in both languages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any, Final

from penstock.app.bench.place import text_of_machine
from penstock.app.bench.tables import text_of
from penstock.kit.pages import Word, bilingual, document, plots, sheet
from penstock.kit.plots import frame, line

Figures = dict[str, Any]
_TITLE: Final = Word("Stress test", "压力测试报告")
_SECONDS: Final = Word("seconds", "秒")
_FIGURE, _VALUE = Word("figure", "指标"), Word("value", "数值")
#: Processes of the plots, and the colours of their lines; all others are summed up.
_LINES: Final = {"lane": "one", "edge": "two", "postgres": "three"}
_PROCESSES: Final = {
    "lane": Word("lane", "通道进程"), "edge": Word("edge", "接入进程"), "postgres": Word("PostgreSQL", "PostgreSQL"),
    "office": Word("office", "后台进程"), "keeper": Word("keeper", "维护进程"),
    "load_generator": Word("load generator", "压测程序"), "total": Word("all", "合计"), "others": Word("office, keeper", "后台与维护"),
}  # fmt: skip
_VOLUME: Final = {
    "journal_heap": Word("journal, its rows", "流水账表"), "primary_key": Word("journal, its key", "流水账主键"),
    "id_index": Word("indices of closed partitions", "已关闭分区的索引"), "wal": Word("write-ahead log", "预写日志（WAL）"),
    "database": Word("the whole database", "整个数据库"),
}  # fmt: skip
_NOT_DONE: Final = {
    "pushed_back": Word("pushed back (HTTP 429)", "限流退回（HTTP 429）"),
    "unsent": Word("not sent: no connection was free", "未发出：无空闲连接"),
    "errors": Word("no certain outcome", "结果不明或出错"),
}  # fmt: skip
#: Axes end at one of these, times a power of ten.
_NICE: Final = (1.0, 2.0, 4.0, 5.0, 10.0)
_LEVELS: Final = 4


def render_page(figures: Figures) -> str:
    """The whole page."""
    parts = [
        f"<h1>{bilingual(_TITLE)} · {escape(figures['time'])}</h1>",
        f"<p>{bilingual(_sentence(figures))}</p>", _verdict(figures["verify_ok"]),
        plots([_throughput(figures), _latency(figures)]), plots([_cpu(figures), _memory(figures)]),
        _summary(figures), _refusals(figures), _budget(figures), _volume(figures),
        f'<p class="note">{bilingual(_note(figures))}</p>',
    ]  # fmt: skip
    return document(_TITLE, parts)


def _sentence(figures: Figures) -> Word:
    values = {
        "rate": f"{figures['rate']:,.0f}", "seconds": f"{figures['seconds']:,.0f}", "payments": f"{figures['payments']:,}",
        "accounts": f"{figures['accounts']:,}", "sustained": f"{figures['payments_per_second']:,.0f}",
        "share": f"{figures['model']['scored_share']:.2%}", "trees": str(figures["model"]["trees"]),
    }  # fmt: skip
    return Word(
        "{rate} payments a second were sent by a schedule for {seconds} s, between {accounts} accounts: {payments} were "
        "decided and recorded, {sustained} a second; {share} of them were scored by a model of {trees} trees.",
        "按固定节奏每秒发送 {rate} 笔，持续 {seconds} 秒，涉及 {accounts} 个账户：共 {payments} 笔完成决策并落账，"
        "平均每秒 {sustained} 笔；其中 {share} 经 {trees} 棵树的模型评分。",
    ).filled(**values)


def _verdict(verified: bool | None) -> str:
    if verified is None:
        return f'<p class="missing">{bilingual(Word("The journal was not verified.", "未核验流水账。"))}</p>'
    if verified:
        return f'<p class="good">{bilingual(Word("penstock verify: everything is right.", "penstock verify：全部正确。"))}</p>'
    return f'<p class="bad">{bilingual(Word("penstock verify found something wrong.", "penstock verify 发现问题。"))}</p>'


def _throughput(figures: Figures) -> tuple[Word, str]:
    course = figures["by_second"]
    lines = [
        ("one", Word("decided", "已决策"), course["payments"]),
        ("three", Word("pushed back", "限流退回"), course["pushed_back"]),
        ("two", Word("offered", "发送节奏"), [figures["rate"]] * len(course["payments"])),
    ]
    return Word("Payments a second", "每秒笔数"), draw_course(lines)


def _latency(figures: Figures) -> tuple[Word, str]:
    course = figures["by_second"]
    names = {"p50": Word("median", "中位数"), "p99": Word("99 %", "99%"), "max": Word("longest", "最长")}
    lines = [(css, names[name], course[name]) for name, css in (("p50", "two"), ("p99", "one"), ("max", "three"))]
    return Word("Latency of a batch, ms", "批次时延（毫秒）"), draw_course(lines)


def _cpu(figures: Figures) -> tuple[Word, str]:
    return Word("CPU cores in use", "占用的 CPU 核数"), draw_course(_by_process(figures["course"]["cores"]))


def _memory(figures: Figures) -> tuple[Word, str]:
    return Word("Memory, MiB", "内存（MiB）"), draw_course(_by_process(figures["course"]["mib"]))


def _by_process(series: dict[str, list[float]]) -> list[tuple[str, Word, list[float]]]:
    """A line for each of the large processes, and one for all others together."""
    lines = [(css, _PROCESSES[name], series[name]) for name, css in _LINES.items() if name in series]
    others = [values for name, values in series.items() if name not in _LINES]
    if others:
        lines.append(("four", _PROCESSES["others"], [sum(each) for each in zip(*others, strict=False)]))
    return lines


def draw_course(lines: Sequence[tuple[str, Word, Sequence[float]]]) -> str:
    """Lines over seconds, on an axis that begins at 0."""
    most = _nice(max((value for _, _, values in lines for value in values), default=0.0))
    length = max(max((len(values) for _, _, values in lines), default=0), 2)
    drawn = "".join(
        line([(place / (length - 1), value / most) for place, value in enumerate(values)], css, dots=False)
        for css, _, values in lines
    )
    levels = [(level / _LEVELS, f"{most * level / _LEVELS:,.10g}") for level in range(_LEVELS + 1)]
    ticks = [(share, f"{share * length:,.0f}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return frame(drawn, ticks, _SECONDS, [(css, word) for css, word, _ in lines], levels)


def _nice(value: float) -> float:
    """The round number at or above a value."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step for step in _NICE if step * power >= value) * power


def _summary(figures: Figures) -> str:
    latency, pause = figures["latency_ms"], figures["longest_pause"]
    rows = [
        (Word("payments a second", "每秒笔数"), text_of(figures["payments_per_second"])),
        (Word("latency: median, 99 %, longest (ms)", "时延：中位数、99%、最长（毫秒）"), " · ".join(text_of(latency[name]) for name in ("p50", "p99", "max"))),
        (Word("longest pause between two answers (ms), at second", "两次应答间最长停顿（毫秒），发生于第几秒"), f"{text_of(pause['ms'])} · {text_of(pause['at_s'])}"),
        (Word("rows in a commit of the lane", "每次提交的行数"), text_of(figures["lane"]["rows_per_batch"])),
    ]
    return sheet(Word("Figures", "主要指标"), (_FIGURE, _VALUE), [(bilingual(name), escape(value)) for name, value in rows])


def _refusals(figures: Figures) -> str:
    rows = [(bilingual(word), text_of(figures[name])) for name, word in _NOT_DONE.items()]
    rows += [(escape(reason), text_of(count)) for reason, count in sorted(figures["reasons"].items(), key=lambda each: -each[1])]
    note = Word("Reason codes: docs/reasons.md; ok = the payment took effect.", "原因码见 docs/reasons.md；ok 表示支付已生效。")
    return sheet(Word("Payments by what became of them", "按结果统计的笔数"), (Word("outcome", "结果"), Word("payments", "笔数")), rows, note)


def _budget(figures: Figures) -> str:
    spent = figures["cpu_us_per_payment"]
    rows = []
    for group in figures["budget"]:
        names = [name for name in group["processes"] if name in spent]
        for number, name in enumerate(names):
            allowed = f"{group['budget_us']:.1f}" if number == len(names) - 1 else ""
            rows.append((bilingual(_PROCESSES[name]), f"{spent[name]:.2f}", allowed))
    columns = (Word("process", "进程"), Word("µs a payment", "每笔微秒"), Word("budget (of the rows up to the last)", "预算（含其上各行）"))
    return sheet(Word("CPU of a payment", "每笔支付的 CPU"), columns, rows)


def _volume(figures: Figures) -> str:
    each = figures["volume"]["bytes_per_payment"]
    rows = [(bilingual(word), text_of(each[name])) for name, word in _VOLUME.items()]
    rows.append((bilingual(Word("newest checkpoint, bytes in all", "最新检查点（总字节）")), text_of(figures["volume"]["checkpoint_bytes"])))
    return sheet(Word("Bytes on disk, per payment", "每笔支付占用的磁盘字节"), (_FIGURE, _VALUE), rows)


def _note(figures: Figures) -> Word:
    values = {"seed": str(figures["seed"]), "commit": figures["commit"], "machine": text_of_machine(figures["machine"])}
    return Word(
        "Seed {seed}; commit {commit}; {machine}. docs/benchmarks.md defines every figure.",
        "随机种子 {seed}；提交 {commit}；{machine}。各项指标的定义见 docs/benchmarks.md。",
    ).filled(**values)
