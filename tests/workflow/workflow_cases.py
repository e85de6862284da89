"""Which jobs follow from which, in a small run: the numbers that the rerun tests expect."""

FIGURES = {
    "plot_model_graph": 5,
    "plot_cluster": 1,
    "plot_visits": 1,
    "plot_focus_system": 1,
    "plot_periodograms": 1,
    "plot_orbits": 1,
    "plot_agreement": 1,
    "plot_population": 1,
}
SYSTEM_FITS = {
    "fit_systems": 2,
    "diagnose_systems": 1,
    "tabulate_orbits": 1,
    "summarise_focus_system": 1,
    "compare_published": 1,
    "check_agreement": 1,
    "collect_diagnostics": 1,
    "plot_agreement": 1,
    "plot_focus_system": 1,
    "plot_orbits": 1,
}
EXACT_ORBITS = {
    "draw_orbits": 2,
    "tabulate_orbits": 1,
    "summarise_focus_system": 1,
    "compare_published": 1,
    "plot_orbits": 1,
}
POPULATION_FIT = {
    "integrate_population": 1,
    "fit_population": 1,
    "fit_hyper_parameters": 1,
    "diagnose_population": 1,
    "compare_published": 1,
    "check_agreement": 1,
    "collect_diagnostics": 1,
    "plot_agreement": 1,
    "plot_population": 1,
}
NUTS_POPULATION = {name: count for name, count in POPULATION_FIT.items() if name != "integrate_population"}
CLUSTER = {
    "integrate_cluster": 1,
    "fit_cluster": 1,
    "diagnose_cluster": 1,
    "compare_published": 1,
    "check_agreement": 1,
    "collect_diagnostics": 1,
    "plot_agreement": 1,
    "plot_cluster": 1,
}
NUTS_CLUSTER = {name: count for name, count in CLUSTER.items() if name != "integrate_cluster"}
AFTER_FITS = EXACT_ORBITS | SYSTEM_FITS | POPULATION_FIT | {"plot_periodograms": 1}
DIAGNOSTICS = {
    "diagnose_cluster": 1,
    "diagnose_systems": 1,
    "diagnose_population": 1,
    "tabulate_orbits": 1,
    "summarise_focus_system": 1,
    "compare_published": 1,
    "collect_diagnostics": 1,
    "plot_cluster": 1,
    "plot_focus_system": 1,
    "plot_orbits": 1,
    "plot_population": 1,
}
TABLES = {
    "tabulate_orbits": 1,
    "summarise_focus_system": 1,
    "compare_published": 1,
    "plot_orbits": 1,
    "plot_focus_system": 1,
}
