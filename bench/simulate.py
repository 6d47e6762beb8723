"""`make simulate`: how good the decisions are, in worlds whose truth is known, and whether any outcome is lost.

`bench.contest` says which worlds, and how many tenants of each; with BENCH_SECONDS, 1.5 % of them for each second. The
figures are the same each time for the same number of tenants, but for those that are times. docs/learning.md says how
to read them.
"""

import os
import threading
import time
from typing import TYPE_CHECKING

from bench.contest import running
from retivo import processes
from retivo.database import embedded_postgres

if TYPE_CHECKING:
    from bench import report
    from bench.population import Start

POPULATIONS = 20  # of merchants that share patterns
WRITERS, OUTCOMES = 8, 500  # each writer's


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    processes.work_in_background()  # this process does the worker's part
    embedded_postgres.start_if_configured()
    running.prepare()
    from bench import report  # late: they import models
    from bench.contest import figures, picture
    from bench.contest.play import SETTINGS
    from bench.contest.rivals import POLICIES

    share = 0.015 * float(os.environ["BENCH_SECONDS"]) if "BENCH_SECONDS" in os.environ else 1.0
    tenants = {world: max(2, round(share * setting.tenants)) for world, setting in SETTINGS.items()}
    with running.processes() as pool:
        contest = running.run(pool, tenants, tuple(POLICIES))
        started = pool.map(_start, range(max(2, round(share * POPULATIONS))), chunksize=1)
    goals = [*figures.goals(contest), *_starts(started), _membership(), *_speed(), *_lost_updates()]
    print(figures.table(contest), end="\n\n")
    report.show(goals)
    report.save("simulate", [*figures.of(contest), *goals])
    path = report.OUT / "simulate.png"
    picture.draw(contest, path)
    print(path)


def _start(seed: int) -> dict[object, "Start"]:
    from bench import population  # late: it imports models

    return population.play(seed)


def _starts(started: list[dict[object, "Start"]]) -> list["report.Figure"]:
    """Of all populations; a regret is set against that of starting cold."""
    import numpy as np

    from bench import population, report

    share = {name: float(np.mean([each[name].share for each in started])) for name in started[0]}
    regret = {name: float(np.mean([each[name].regret for each in started])) for name in started[0]}
    cold = regret[population.COLD]
    figures = [report.figure("oracle's reward in 100 decisions: cold", share[population.COLD], "of 1")]
    for size in population.SIZES:
        for epsilon in population.EPSILONS:
            goal = (size, epsilon) == population.GOAL
            name = f"{size} tenants, ε {epsilon:g}"
            figures += [
                report.figure(
                    f"oracle's reward in 100 decisions: {name}",
                    share[size, epsilon],
                    "of 1",
                    at_least=0.87 if goal else None,
                ),
                report.figure(
                    f"cold regret saved in 500: {name}",
                    1 - regret[size, epsilon] / cold,
                    "of 1",
                    at_least=0.45 if goal else None,
                ),
            ]
    for name, title in ((population.WRONG, "types permuted"), (population.ALIEN, "another partner's population")):
        figures.append(
            report.figure(f"regret added by a wrong pattern: {title}", regret[name] / cold - 1, "of 1", at_most=0.1)
        )
    return figures


def _membership() -> "report.Figure":
    from math import sqrt

    from bench import membership, report
    from bench.server import database
    from learning.patterns import privacy

    rho = privacy.rho_of(1.0)
    limit = privacy.advantage(rho)
    with database():
        found = membership.advantage(membership.of_database, rho)
    name = f"membership advantage at ε 1 (limit {limit:.3f}, and sampling)"
    return report.figure(name, found, "of 1", at_most=limit + 4 * sqrt(0.5 / membership.RELEASES))


def _speed() -> list["report.Figure"]:
    """One decision, from features to reasoning, on a state that is loaded: usual, large, and with many actions."""
    import numpy as np

    from bench import report
    from learning.model.policy import choose
    from learning.model.state import NOTHING, Example, State

    figures = []
    for count, features, goal in ((5, 14, 300), (11, 32, 300), (50, 32, 1000)):
        random = np.random.default_rng(0)
        names = ["bias", *(f"traits.n{n}" for n in range(features - 1))]
        actions = [NOTHING, *(f"at_{n}" for n in range(count - 1))]
        state = State.cold()
        for _ in range(20):
            drawn = random.normal(size=(100, features)).tolist()
            batch = [dict(zip(names, [1.0, *x[1:]], strict=True)) for x in drawn]
            state = state.learned(
                [Example(x, actions[n % count], float(n % 3 == 0)) for n, x in enumerate(batch)], names
            )
        times = []
        for n in range(1000):
            start = time.process_time_ns()
            choose(state=state, features=batch[n % 100], names=names, actions=actions, seed=str(n))
            times.append((time.process_time_ns() - start) / 1000)
        name = f"CPU of a decision: {count} actions, {features} features, p50"
        figures.append(report.figure(name, float(np.median(times)), "µs", at_most=goal))
    return figures


def _lost_updates() -> list["report.Figure"]:
    """Eight writers append outcomes of one tenant while a learner folds them; each has a connection of its own."""
    from django.db import connections

    from bench import report
    from bench.server import database
    from events.models import TrackedUser
    from learning import services, tasks
    from tenants import services as tenants
    from tenants.context import staff_context, tenant_context

    with database():
        with staff_context():
            tenant, _ = tenants.create_partner(actor="api_key:bench", name="Bench", slug="bench")
            TrackedUser.objects.create(tenant=tenant, user_id="u")
        features = {"bias": 1.0, **{f"f={n}": 1.0 for n in range(9)}}

        def write(writer: int) -> None:
            for n in range(OUTCOMES):
                with tenant_context(tenant.id):
                    services.record(
                        tenant_id=tenant.id,
                        decision_id=f"dec_{writer}_{n}",
                        user_id="u",
                        action=f"at_{n % 5}",
                        features=features,
                        outcome=float(n % 2),
                    )
            connections.close_all()

        def learn() -> None:
            while any(thread.is_alive() for thread in writers):
                tasks.fold_tenant(tenant.id)
            connections.close_all()

        writers = [threading.Thread(target=write, args=[n]) for n in range(WRITERS)]
        learner = threading.Thread(target=learn)
        start = time.perf_counter()
        for thread in (*writers, learner):
            thread.start()
        for thread in (*writers, learner):
            thread.join()
        tasks.fold_tenant(tenant.id)
        seconds = time.perf_counter() - start
        with tenant_context(tenant.id):
            learned = float(services.load(tenant_id=tenant.id).trials.sum())
        connections.close_all()
    return [
        report.figure(f"lost updates, {WRITERS} writers", WRITERS * OUTCOMES - learned, "outcomes", at_most=0),
        report.figure(f"appended and folded, {WRITERS} writers", learned / seconds, "outcomes/s"),
    ]


if __name__ == "__main__":
    main()
