"""How many pings a second go through match, visits and decisions, with all rules on, without HTTP and database?"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from threading import Barrier
from typing import Any

from nearcast.bench.shift import Done, Shift, work

_READY_S = 900.0  # the slowest worker's world is built by then


def bench_engine(
    customers: int, fences: int, pings: int, seed: int, *, workers: int, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Customers walk through cities and meet geofences, each with a campaign of its own, as one JSON object.

    One worker takes all customers' pings; then, where `workers` are more, so many processes take a share each, as they
    do on one store. `phases_s` are means over the workers. InvalidInput as `work` has it.
    """
    shift = Shift(customers=customers, fences=fences, pings=pings, seed=seed)
    alone = work(shift, lambda: None, say)
    done = [alone] if workers == 1 else _together(shift, workers, say)
    return {
        "customers": customers,
        "fences": fences,
        "pings": pings,
        "seed": seed,
        "workers": workers,
        **_speed(done),
        "one_worker": {**_speed([alone]), "phases_s": alone.phases_s},
        **_counts(done),
        "phases_s": {phase: round(sum(each.phases_s[phase] for each in done) / workers, 3) for phase in alone.phases_s},
    }


def _together(shift: Shift, workers: int, say: Callable[[str], None]) -> list[Done]:
    """The same in shares, all at once; they begin when all are ready."""
    say(f"the same with {workers} workers")
    context = get_context("spawn")
    with SyncManager(ctx=context) as manager, ProcessPoolExecutor(workers, mp_context=context) as processes:
        ready = manager.Barrier(workers, timeout=_READY_S)
        shares = [
            Shift(
                customers=shift.customers,
                fences=shift.fences,
                pings=shift.pings,
                seed=shift.seed,
                worker=number,
                workers=workers,
            )
            for number in range(workers)
        ]
        return list(processes.map(_work, shares, [ready] * workers))


def _work(shift: Shift, ready: Barrier) -> Done:
    return work(shift, ready.wait, lambda _: None)


def _speed(done: Sequence[Done]) -> dict[str, float]:
    seconds = max(each.stopped_s for each in done) - min(each.started_s for each in done)
    return {"seconds": round(seconds, 4), "pings_per_s": round(sum(each.pings for each in done) / seconds)}


def _counts(done: Sequence[Done]) -> dict[str, Any]:
    pings, transitions = sum(each.pings for each in done), sum(each.transitions for each in done)
    outcomes = sum((each.outcomes for each in done), Counter())
    return {
        "share_inside": round(sum(each.inside for each in done) / pings, 4),
        "share_transitions": round(transitions / pings, 5),
        "transitions": transitions,
        "verdicts": outcomes.total(),
        "outcomes": dict(outcomes.most_common()),
        "reasons": dict(sum((each.reasons for each in done), Counter[str]()).most_common()),
        "messages": sum(each.messages for each in done),
    }
