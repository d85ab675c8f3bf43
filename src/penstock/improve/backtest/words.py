"""The words of the report, in both languages."""

from __future__ import annotations

from typing import Final, NamedTuple


class Word(NamedTuple):
    """A thing in English and Chinese."""

    en: str
    zh: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"en": self.en, "zh": self.zh}

    def filled(self, **values: str | Word) -> Word:
        """The same with values in its places; a value may itself be in both languages."""
        return Word(
            self.en.format(**{name: value.en if isinstance(value, Word) else value for name, value in values.items()}),
            self.zh.format(**{name: value.zh if isinstance(value, Word) else value for name, value in values.items()}),
        )


WORDS: Final = {
    "title": Word("Back-test", "回测报告"),
    "ranking": Word("How well scores tell frauds", "评分的区分能力"),
    "auc_roc": Word("AUC-ROC", "AUC-ROC"),
    "average_precision": Word("average precision", "平均精确率"),
    "figure": Word("figure", "指标"),
    "value": Word("value", "数值"),
    "difference": Word("difference", "差值"),
    "clear": Word("beyond chance", "差异显著"),
    "yes": Word("yes", "是"),
    "no": Word("no", "否"),
    "rate": Word("FPR", "误报率"),
    "recall": Word("recall", "召回率"),
    "value_recall": Word("recall by value", "金额召回率"),
    "precision": Word("precision", "精确率"),
    "alerts_per_fraud": Word("alerts per fraud", "每起欺诈的警报数"),
    "thresholds": Word("Thresholds from validation, and what they give on the test", "验证期选定的阈值及其在测试期的效果"),
    "action": Word("action", "措施"),
    "score": Word("score", "评分"),
    "budget": Word("budget", "预算"),
    "verdicts": Word("What is caught and who is disturbed", "拦截与打扰"),
    "count": Word("by count", "按笔数"),
    "amount": Word("by amount", "按金额"),
    "customer": Word("by customer in {days} days", "按客户（{days} 天内）"),
    "episode": Word("by episode (loss saved)", "按事件（挽回损失）"),
    "intercepted": Word("frauds intercepted", "拦截的欺诈"),
    "block_only": Word("frauds blocked outright", "直接阻断的欺诈"),
    "touched": Word("frauds touched", "触及的欺诈"),
    "false_block": Word("genuine: false blocks", "正常支付：误拦"),
    "touched_genuine": Word("genuine: touched", "正常支付：被触及"),
    "episodes": Word("Episodes: runs of frauds", "欺诈事件：连续的欺诈"),
    "episodes_short": Word("runs", "事件数"),
    "touched_genuine_short": Word("genuine touched", "触及正常支付"),
    "named_rate": Word("{figure} at {rate} FPR", "误报率 {rate} 时的{figure}"),
    "named_by": Word("{figure} {by}", "{figure}{by}"),
    "block_only_short": Word("blocked", "阻断"),
    "touched_short": Word("touched", "触及"),
    "of_payer": Word("one payer", "同一付款人"),
    "of_payee": Word("one payee", "同一收款人"),
    "frauds_per_episode": Word("frauds each", "每次事件欺诈笔数"),
    "stopped": Word("stopped", "被制止"),
    "stopped_at_first": Word("at once", "首笔即被制止"),
    "payments_until_stop": Word("through before the first stop", "首次制止前通过的笔数"),
    "loss_saved": Word("loss saved", "挽回损失"),
    "load": Word("Work and complaints", "工作量与投诉"),
    "intents_per_day": Word("payment intents a day", "日均支付意图"),
    "challenges_per_day": Word("challenges a day", "日均加验"),
    "reviews_per_day": Word("reviews a day", "日均人工审核"),
    "reviews_on_the_busiest_day": Word("reviews on the busiest day", "最忙日人工审核"),
    "blocks_per_day": Word("blocks a day", "日均阻断"),
    "complaints_per_day": Word("complaints a day (assumed)", "日均投诉（假设）"),
    "complaints_per_thousand_intents": Word("complaints per 1,000 intents (assumed)", "每千笔投诉（假设）"),
    "disturbance": Word("false blocks as episodes: runs of one payer", "误拦事件：同一付款人的连续误拦"),
    "slices": Word("Slices", "分组"),
    "part": Word("part", "分组值"),
    "rows": Word("count", "支付意图"),
    "frauds": Word("frauds", "欺诈"),
    "scores": Word("Scores", "评分分布"),
    "curve": Word("Recall against false positives", "召回率与误报率"),
    "over_time": Word("Precision over time", "精确率随时间的变化"),
    "mean_score": Word("mean score", "平均评分"),
    "fraud_share": Word("share of fraud", "欺诈占比"),
    "genuine": Word("genuine", "正常"),
    "features": Word("Single features", "单个特征"),
    "feature": Word("feature", "特征"),
    "direction": Word("suspicious when", "可疑方向"),
    "high": Word("high", "高"),
    "low": Word("low", "低"),
    "rules": Word("Rules", "规则"),
    "rule": Word("rule", "规则"),
    "fired": Word("fired", "命中"),
    "judged": Word("measured", "其中计分"),
    "assumptions": Word("What is assumed", "假设"),
    "effectiveness": Word("a challenge stops: {stops}", "加验可制止：{stops}"),
    "missing": Word("Not measured", "未测量"),
    "warnings": Word("Beware", "注意"),
    "allow": Word("allow", "放行"),
    "challenge": Word("challenge", "加验"),
    "review": Word("review", "人工审核"),
    "block": Word("block", "阻断"),
    "speed": Word("{speed} payments/s through the kernels.", "内核每秒处理 {speed} 笔。"),
    "about_test": Word("{payments} payments replayed; the test runs from {begin} to {end}, labels as of {as_of}.", "回放 {payments} 笔支付；测试期为 {begin} 至 {end}，标注截至 {as_of}。"),
    "chosen_by": Word("The test is {how}.", "测试期取自：{how}。"),
    "about_rows": Word("{intents} payment intents in it, {rows} measured, {frauds} of them frauds; {unlabelled} unlabelled and {immature} younger than the maturity of {days} days are not measured.", "其中支付意图 {intents} 个，计分 {rows} 个，含欺诈 {frauds} 个；未标注 {unlabelled} 个、未满 {days} 天成熟期 {immature} 个，不计分。"),
    "at_rates": Word("At some rates of false positives (FPR)", "给定误报率下"),
    "part_of": Word("{by}: {value}", "{by}：{value}"),
    "slice_fraud_type": Word("fraud type", "欺诈类型"),
    "slice_payment_type": Word("type", "支付类型"),
    "slice_amount": Word("amount", "金额"),
    "slice_payer": Word("payer", "付款人"),
    "slice_hour": Word("hour", "时段"),
    "intercepted_short": Word("intercepted", "拦截"),
    "false_block_short": Word("false blocks", "误拦"),
    "rate_on_test": Word("on the test", "测试期误报率"),
    "auc": Word("AUC", "AUC"),
    "alerts": Word("alerts", "警报"),
    "alerts_precision": Word("precision of the alerts (anything touched)", "警报精确率（任何触及）"),
    "intents_per_run": Word("intents in each", "每次笔数"),
    "comparison": Word("Side by side", "对比"),
    "watch": Word("watch", "仅观察"),
    "part_new": Word("new", "新"),
    "part_old": Word("old", "老"),
    "part_not said": Word("not said", "未说明"),
    "period": Word("from", "起始"),
    "bootstrap": Word("Intervals: {repeats} draws of {payers} payers, seed {seed}.", "区间：对 {payers} 个付款人重抽样 {repeats} 次，随机种子 {seed}。"),
    "slices_note": Word("Recall and false positives at the score that gives 1 % false positives on the whole test (without a model: of everything touched).", "召回率与误报率取整个测试期误报率为 1% 的评分（无模型时为所有被触及者）。"),
    "language": Word("English", "中文"),
    "part_of_test": Word("part of the test", "测试期的分段"),
    "definitions": Word("docs/metrics.md defines every figure.", "各项指标的定义见 docs/metrics.md。"),
}  # fmt: skip

#: Sentences of the assumptions, with the value in them.
ASSUMED: Final = {
    "review_approves_genuine": Word("reviewers approve {v} of the genuine intents that they decide", "审核员放行其审核的正常支付的 {v}"),
    "review_declines_fraud": Word("reviewers decline {v} of the frauds that they decide", "审核员拒绝其审核的欺诈的 {v}"),
    "review_late": Word("{v} of the reviews pass their deadline", "{v} 的审核超时"),
    "late_review_declines": Word("a review past its deadline declines: {v}", "审核超时即拒绝：{v}"),
    "challenged_genuine_complain": Word("{v} of challenged genuine intents lead to a complaint", "被加验的正常支付有 {v} 引起投诉"),
    "reviewed_genuine_complain": Word("{v} of reviewed genuine intents lead to a complaint", "被审核的正常支付有 {v} 引起投诉"),
    "blocked_genuine_complain": Word("{v} of blocked genuine intents lead to a complaint", "被阻断的正常支付有 {v} 引起投诉"),
    "window_days": Word("customers are counted in windows of {v} days", "客户按 {v} 天为一窗口统计"),
    "episode_gap_days": Word("a fraud more than {v} days after the last begins a new episode", "距上一起欺诈超过 {v} 天则为新事件"),
    "new_payer_intents": Word("a payer with fewer than {v} earlier intents is new", "此前支付意图少于 {v} 笔的付款人为新付款人"),
}  # fmt: skip

#: Which part of the history the test is.
CHOSEN_BY: Final = {
    "until": Word("what begins from {until} on", "自 {until} 起"),
    "share": Word("the last {share} of the time", "最后 {share} 的时间"),
    "card": Word("what is later than the training and validation of the model", "模型训练与验证期之后"),
    "default": Word("the last {share} of the time, because nothing else was said", "未另行指定，取最后 {share} 的时间"),
}

#: What a reader has to know before believing a figure.
WARNINGS: Final = {
    "overlap": Word(
        "the test begins before the end of what the model was trained and validated on: its figures are better than the truth",
        "测试期早于模型训练与验证期的结束：指标优于真实水平",
    ),
    "no_payer": Word(
        "{count} payments of the test have no payer: nothing can score them",
        "测试期有 {count} 笔支付无付款人，无法评分",
    ),
    "immature": Word(
        "{count} labelled intents are too young to be measured; a later --as-of, or another maturity in the mapping, would include them",
        "{count} 个已标注的支付意图未满成熟期，不计入；可指定更晚的 --as-of，或在映射中另设成熟期",
    ),
}

#: What was not measured, and why.
MISSING: Final = {
    "model": Word(
        "no model (--model): there are no scores and no ranking; features are ranked one by one instead",
        "未指定模型（--model）：无评分，无排序指标；改为逐个特征排序",
    ),
    "pack": Word(
        "no rule pack (--pack): verdicts are those of the thresholds of the model alone",
        "未指定规则包（--pack）：裁决仅来自模型阈值",
    ),
    "everything": Word(
        "no rule pack (--pack) either: nothing is decided, so nothing is intercepted or disturbed",
        "也未指定规则包（--pack）：不作裁决，故无拦截与打扰",
    ),
}
