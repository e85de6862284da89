"""The sample, of a catalogue from which it is taken by what stars show: who is in it, and what that does."""

if SELECTION:

    rule select_systems:
        """Which systems are in the sample that the populations are fitted to, and why the others are not."""
        input:
            visits="results/{catalog}/visits.fits",
            periods=batches("results/{catalog}/{system_model}/periods/{batch}.nc"),
        output:
            selection="results/{catalog}/{system_model}/selection.csv",
        params:
            settings=settings("period_range_days", "selection", model="system_models/{system_model}"),
            code=source_digest("select_systems"),
        log:
            "logs/select_systems/{catalog}/{system_model}.log",
        benchmark:
            "results/benchmarks/select_systems/{catalog}/{system_model}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/select_systems.py"

    rule plot_selection:
        """The density of ln P, with and without the correction for who is in the sample."""
        input:
            exact="results/{catalog}/{system_model}/{population_model}/exact.nc",
            diagnostics="results/{catalog}/{system_model}/{population_model}/diagnostics.csv",
        output:
            selection=picture("results/{catalog}/{system_model}/{population_model}", "selection", "Population"),
        params:
            settings=settings("figures", **SIMULATION),
            code=source_digest("plot_selection"),
        log:
            "logs/plot_selection/{catalog}/{system_model}/{population_model}.log",
        benchmark:
            "results/benchmarks/plot_selection/{catalog}/{system_model}/{population_model}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/plot_selection.py"

    include: "detection.smk"
