"""Which jobs follow from which, in a small run: the numbers that the rerun tests expect.

Both system models run, each with one population: what depends on the model counts twice.
"""


def twice(*rules):
    """Jobs of which there is one a system model."""
    return dict.fromkeys(rules, 2)


def once(*rules):
    """Jobs of which there is one in the run."""
    return dict.fromkeys(rules, 1)


SYSTEM_FIGURES = twice("plot_systems")
FIGURES = (
    once("plot_model_graphs", "plot_cluster", "plot_visits", "plot_comparison")
    | SYSTEM_FIGURES
    | twice("plot_agreement", "plot_population")
)
ORBITS = twice("tabulate_orbits", "plot_systems", "plot_population")
COLLECTED = once("compare_published", "collect_diagnostics")
SYSTEM_FITS = {"fit_systems": 4} | twice("diagnose_systems", "check_agreement", "plot_agreement") | ORBITS | COLLECTED
CRITICISM = {"criticise_systems": 4} | twice("collect_criticism") | ORBITS
EXACT_ORBITS = {"draw_orbits": 4} | twice("diagnose_systems") | ORBITS | COLLECTED
NUTS_POPULATION = (
    twice("fit_population", "diagnose_population", "check_agreement", "plot_agreement", "plot_population") | COLLECTED
)
COMPARISON = once("compare_models", "plot_comparison")
POPULATION_FIT = twice("integrate_population", "criticise_population") | NUTS_POPULATION | COMPARISON
NUTS_CLUSTER = once("fit_cluster", "diagnose_cluster", "plot_cluster") | COLLECTED
NUTS_CLUSTER |= twice("check_agreement", "plot_agreement")
CLUSTER = once("integrate_cluster", "criticise_cluster") | NUTS_CLUSTER
CRITICISED_CLUSTER = once("criticise_cluster", "diagnose_cluster", "plot_cluster")
SCAN = {"scan_periods": 4}
ALL_PERIODS = SCAN | EXACT_ORBITS | SYSTEM_FITS | POPULATION_FIT | CRITICISM | SYSTEM_FIGURES
FOCUS_SYSTEM = twice("diagnose_systems", "plot_systems") | COLLECTED
TABLES = FOCUS_SYSTEM | ORBITS
DIAGNOSTICS = (
    once("diagnose_cluster", "plot_cluster")
    | twice("diagnose_systems", "diagnose_population", "plot_population")
    | COLLECTED
)


def of_one_model(jobs):
    """The same jobs where only one of the two system models changes."""
    shared = COLLECTED | COMPARISON
    return {name: shared.get(name, count // 2) for name, count in jobs.items()}
