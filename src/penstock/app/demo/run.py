"""The demonstration from start to end: settle, prepare, print what to try, play, sum up."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx
from rich.console import Console
from rich.live import Live

from penstock.app import local, wiring
from penstock.app.demo import dashboard, examples
from penstock.app.demo.bank import DemoBank, with_bank
from penstock.app.demo.curl import curl_lines, write_curl_file
from penstock.app.demo.examples import Example
from penstock.app.demo.figures import Figures
from penstock.app.demo.ghosts import Ghosts, summon
from penstock.app.demo.people import Town, settle
from penstock.app.demo.play import play
from penstock.app.demo.preparing import Prepared, prepare, top_up
from penstock.app.demo.scenes import Stage
from penstock.app.progress import progress_bars
from penstock.contracts.ids import PublicIds
from penstock.kit.client import Access, AsyncClient, Client
from penstock.kit.settings import Settings

_DASHBOARD_PAUSE_S: Final = 0.5
_LINE_PAUSE_S: Final = 1.0
_STATUS_TIMEOUT_S: Final = 5.0
_KEY_DAYS: Final = 2
#: What the operator's people may do.
_DESK: Final = ("control", "review", "operate")


@dataclass(frozen=True)
class Wish:
    """What the caller of the demonstration asked for; ``seconds`` absent = until Ctrl-C."""

    customers: int
    rate: float
    seconds: float | None
    seed: int


def demonstrate(settings: Settings, wish: Wish, console: Console) -> bool:
    """Run the demonstration; whether everything went as expected."""
    settings, bank_port = with_bank(settings)
    with local.started(settings, settings.home / "run" / "demo.log", console.print, bank_port) as ours:
        keys = {
            examples.FULL_KEY: local.make_key(settings, "demo", days=_KEY_DAYS),
            examples.READ_KEY: local.make_key(settings, "demo", ["read"], days=_KEY_DAYS),
            examples.DESK_KEY: local.make_key(settings, "demo desk", _DESK, days=_KEY_DAYS, owner="the desk of the demonstration"),
        }
        time.sleep(settings.key_refresh_s)  # edges learn of new keys so often
        access, desk_access = (
            Access(wiring.base_url(settings), wiring.certificate(settings).ca, keys[name])
            for name in (examples.FULL_KEY, examples.DESK_KEY)
        )
        chance = random.Random(wish.seed)  # noqa: S311 - traffic, not secrets
        ghosts = summon(PublicIds(wiring.secrets(settings).public_id_key()))
        with Client(access) as api, Client(desk_access) as desk, progress_bars(console) as progress:
            town = settle(api, settings.home, wish.customers, local.new_id, chance, progress)
            top_up(api, town, local.new_id)
            prepared = prepare(api, desk, town, local.new_id, progress)
        _show_examples(settings, town, prepared, ghosts, keys, console)
        stage_parts = (town, ghosts, chance, Figures())
        mistakes = [wrong for wrong in examples.refusals(town, prepared, ghosts) if wrong.key == examples.FULL_KEY]
        bank = DemoBank(settings.bank_url if ours and bank_port else "", wiring.secrets(settings).bank_key(), settings.bank_account)
        figures, elapsed_s = asyncio.run(_perform(access, stage_parts, mistakes, wish, console, bank))
        console.print(dashboard.summary(figures, elapsed_s))
    console.print(f"Seed {wish.seed}. The data stays in {settings.home}; `penstock demo` goes on with it, `penstock serve` runs it without traffic.")
    console.print("To check every row, balance and signature:", style="bold")
    console.print("penstock serve in one terminal, penstock verify in another.", style="bold")
    return figures.good


def _show_examples(
    settings: Settings, town: Town, prepared: Prepared, ghosts: Ghosts, keys: dict[str, str], console: Console
) -> None:
    sections = [
        ("What works", examples.successes(town, prepared)),
        ("What is refused, one line for each reason", examples.refusals(town, prepared, ghosts)),
        ("What is wrong in form or right", examples.problems(town)),
    ]
    url = wiring.base_url(settings)
    lines = curl_lines(sections, url, wiring.certificate(settings).ca, keys, local.new_id)
    path = settings.home / "curl.sh"
    write_curl_file(path, lines)
    for text in lines:
        console.print(text, soft_wrap=True, markup=False, highlight=False, style="dim" if text.startswith("#") else None)
    console.print(f"These lines are also in {path}. They work while the system runs, for a day.")
    console.print(f"API docs: {url}/docs  (the certificate's authority: {wiring.certificate(settings).ca})", style="bold")


async def _perform(
    access: Access, parts: tuple[Town, Ghosts, random.Random, Figures], mistakes: list[Example], wish: Wish, console: Console,
    bank: DemoBank,
) -> tuple[Figures, float]:
    """Play the traffic and show it until the time is over or somebody presses Ctrl-C."""
    town, ghosts, chance, figures = parts
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if wish.seconds is not None:
        loop.call_later(wish.seconds, stop.set)
    start_s = time.monotonic()
    async with AsyncClient(access, connections=32) as api, AsyncClient(access, connections=1) as watcher, bank:
        stage = Stage(api, town, ghosts, chance, figures, time.monotonic, local.new_id, bank)
        traffic = asyncio.create_task(play(stage, mistakes, wish.rate, stop))
        await _show(watcher, figures, access.url, start_s, traffic, console)
        await traffic
    return figures, time.monotonic() - start_s


async def _show(
    api: AsyncClient, figures: Figures, url: str, start_s: float, traffic: asyncio.Task[None], console: Console
) -> None:
    """Redraw until the traffic has ended."""
    with Live(console=console, auto_refresh=False) if console.is_terminal else contextlib.nullcontext() as live:
        status: dict[str, Any] = {}
        while not traffic.done():
            await asyncio.wait([traffic], timeout=_DASHBOARD_PAUSE_S if live else _LINE_PAUSE_S)
            status = await _status(api, status)
            now_s = time.monotonic()
            if live:
                live.update(dashboard.render(figures, status, url, now_s, now_s - start_s), refresh=True)
            else:
                console.print(dashboard.line(figures, status, now_s, now_s - start_s), soft_wrap=True, highlight=False)


async def _status(api: AsyncClient, before: dict[str, Any]) -> dict[str, Any]:
    """The lane's status; the one before when there is none in time: the traffic tells what is wrong."""
    try:
        answer = await asyncio.wait_for(api.send_once("GET", "/v1/status"), _STATUS_TIMEOUT_S)
    except (TimeoutError, httpx.TransportError):
        return before
    return answer.body if answer.status == 200 else before
