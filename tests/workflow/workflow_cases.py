"""Which jobs follow from which, in a small run: the numbers that the rerun tests expect.

Both system models run, each with one population: what depends on the model counts twice.
"""


def twice(*rules):
    """Jobs of which there is one a system model."""
    return dict.fromkeys(rules, 2)


def once(*rules):
    """Jobs of which there is one in the run."""
    return dict.fromkeys(rules, 1)


REPORT = once("write_report")  # which shows them all
SYSTEM_FIGURES = twice("plot_systems") | REPORT
CATALOG_FIGURES = once("plot_catalog") | REPORT
ABSTRACT = once("plot_abstract")  # which is of the first model
POPULATION_FIGURES = twice("plot_population") | ABSTRACT | REPORT
FIGURES = once("plot_model_graphs", "plot_cluster") | CATALOG_FIGURES | SYSTEM_FIGURES | POPULATION_FIGURES
ORBITS = {"tabulate_orbits": 4} | twice("join_tables") | SYSTEM_FIGURES | POPULATION_FIGURES
COLLECTED = once("compare_published", "collect_diagnostics") | REPORT
CERTIFICATE = twice("diagnose_systems") | CATALOG_FIGURES | COLLECTED
SYSTEM_FITS = {"fit_systems": 4} | ORBITS | CERTIFICATE
CRITICISM = {"criticise_systems": 4} | ORBITS
EXACT_ORBITS = {"draw_orbits": 4} | ORBITS | CERTIFICATE
POPULATION_DIAGNOSTICS = twice("diagnose_population") | POPULATION_FIGURES | COLLECTED
NUTS_POPULATION = twice("fit_population") | POPULATION_DIAGNOSTICS | CERTIFICATE
COMPARISON = once("compare_models") | CATALOG_FIGURES
POPULATION_FIT = twice("integrate_population") | NUTS_POPULATION | COMPARISON
CLUSTER_DIAGNOSTICS = once("diagnose_cluster", "plot_cluster") | COLLECTED
NUTS_CLUSTER = once("fit_cluster") | CLUSTER_DIAGNOSTICS | CERTIFICATE
CLUSTER = once("integrate_cluster") | NUTS_CLUSTER
SCAN = {"scan_periods": 4}
ALL_PERIODS = SCAN | EXACT_ORBITS | SYSTEM_FITS | POPULATION_FIT | CRITICISM | SYSTEM_FIGURES
FOCUS_SYSTEM = twice("plot_systems") | CERTIFICATE
DIAGNOSTICS = CLUSTER_DIAGNOSTICS | POPULATION_DIAGNOSTICS | CERTIFICATE


def of_one_model(jobs):
    """The same jobs where only the second of the two system models changes."""
    shared = COLLECTED | COMPARISON
    return {name: shared.get(name, count // 2) for name, count in jobs.items() if name not in ABSTRACT}
