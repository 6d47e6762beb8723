"""`python -m bench.contest --worlds own,foreign --tenants 20 --policies retivo,linucb-0.3`: the table alone."""

import argparse

from bench.contest import running


def main() -> None:
    running.prepare()
    from bench.contest import figures  # late: they import models
    from bench.contest.play import SETTINGS
    from bench.contest.rivals import POLICIES

    parser = argparse.ArgumentParser(prog="python -m bench.contest", description=__doc__)
    parser.add_argument("--worlds", default=",".join(SETTINGS), help="default: %(default)s")
    parser.add_argument("--policies", default=",".join(POLICIES), help="default: %(default)s")
    parser.add_argument("--tenants", type=int, help="of each world; as many as `make simulate` plays by default")
    parser.add_argument("--seed", type=int, default=0, help="of the first tenant; from 10000 on to tune")
    given = parser.parse_args()
    worlds, policies = given.worlds.split(","), given.policies.split(",")
    if unknown := {*worlds} - {*SETTINGS} | {*policies} - {*POLICIES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    with running.processes() as pool:
        contest = running.run(pool, {w: given.tenants or SETTINGS[w].tenants for w in worlds}, policies, given.seed)
    print(figures.table(contest))


if __name__ == "__main__":
    main()
