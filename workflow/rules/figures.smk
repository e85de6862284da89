"""The figures, each as PNG, for the report, and as PDF. Only these rules carry the figures' settings."""


rule plot_model_graphs:
    """The graph of every model: which variable is drawn from which."""
    output:
        **{graph: picture("results/model_graphs", graph, "Models", "model_graph") for graph in GRAPHS},
    params:
        settings=settings("figures"),
        code=source_digest("plot_model_graphs"),
    log:
        "logs/plot_model_graphs.log",
    benchmark:
        "results/benchmarks/plot_model_graphs.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_model_graphs.py"


rule plot_cluster:
    """The cluster's parallaxes, and the posterior of its distance and depth."""
    input:
        stars=f"{CLUSTER}/stars.ecsv",
        exact=f"{CLUSTER}/exact.nc",
        diagnostics=f"{CLUSTER}/diagnostics.csv",
    output:
        parallaxes=picture(CLUSTER, "parallaxes", "Cluster"),
        corner=picture(CLUSTER, "corner", "Cluster"),
    params:
        settings=settings("figures"),
        code=source_digest("plot_cluster"),
    log:
        "logs/plot_cluster.log",
    benchmark:
        "results/benchmarks/plot_cluster.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_cluster.py"


rule plot_visits:
    """All radial velocities, a panel a system."""
    input:
        visits="results/{catalog}/visits.fits",
    output:
        *picture("results/{catalog}", "visits", "Systems"),
    params:
        settings=settings("figures"),
        code=source_digest("plot_visits"),
    log:
        "logs/plot_visits/{catalog}.log",
    benchmark:
        "results/benchmarks/plot_visits/{catalog}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_visits.py"


rule plot_focus_system:
    """The one system that the tutorial shows: the orbit over its first days, and folded."""
    input:
        visits="results/{catalog}/visits.fits",
        posteriors=batches("results/{catalog}/{system_model}/posteriors/{batch}.nc"),
        diagnostics="results/{catalog}/{system_model}/diagnostics.csv",
    output:
        time_series=picture("results/{catalog}/{system_model}", "focus_time_series", "Systems"),
        folded=picture("results/{catalog}/{system_model}", "focus_folded", "Systems"),
    params:
        settings=settings("figures", "focus_system", times="system_models/{system_model}/times"),
        code=source_digest("plot_focus_system"),
    log:
        "logs/plot_focus_system/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/plot_focus_system/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_focus_system.py"


rule plot_periodograms:
    """The periodogram of every system, with the chosen and the Lomb-Scargle period."""
    input:
        periods=batches("results/{catalog}/{system_model}/periods/{batch}.nc"),
        orbits="results/{catalog}/{system_model}/orbits.csv",
    output:
        *picture("results/{catalog}/{system_model}", "periodograms", "Systems"),
    params:
        settings=settings("figures"),
        code=source_digest("plot_periodograms"),
    log:
        "logs/plot_periodograms/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/plot_periodograms/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_periodograms.py"


rule plot_orbits:
    """Every system's velocities folded at its period."""
    input:
        visits="results/{catalog}/visits.fits",
        posteriors=batches("results/{catalog}/{system_model}/posteriors/{batch}.nc"),
        orbits="results/{catalog}/{system_model}/orbits.csv",
    output:
        *picture("results/{catalog}/{system_model}", "orbits", "Systems"),
    params:
        settings=settings("figures", times="system_models/{system_model}/times"),
        code=source_digest("plot_orbits"),
    log:
        "logs/plot_orbits/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/plot_orbits/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_orbits.py"


rule plot_agreement:
    """How far NUTS lies from the exact answers, in Monte Carlo errors."""
    input:
        agreement="results/{catalog}/{system_model}/agreement.csv",
    output:
        *picture("results/{catalog}/{system_model}", "agreement", "Certificates"),
    params:
        settings=settings("figures"),
        code=source_digest("plot_agreement"),
    log:
        "logs/plot_agreement/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/plot_agreement/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_agreement.py"


rule plot_criticism:
    """The p-values of all systems, and the residuals of their best fits."""
    input:
        criticism="results/{catalog}/{system_model}/criticism.csv",
        residuals="results/{catalog}/{system_model}/residuals.csv",
    output:
        *picture("results/{catalog}/{system_model}", "criticism", "Criticism"),
    params:
        settings=settings("figures"),
        code=source_digest("plot_criticism"),
    log:
        "logs/plot_criticism/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/plot_criticism/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_criticism.py"


rule plot_population:
    """The hyper-parameters, how they were sampled, the density of ln P, and the periods against their prediction."""
    input:
        posterior="results/{catalog}/{system_model}/{population_model}/posterior.nc",
        exact="results/{catalog}/{system_model}/{population_model}/exact.nc",
        criticism="results/{catalog}/{system_model}/{population_model}/criticism.csv",
        diagnostics="results/{catalog}/{system_model}/{population_model}/diagnostics.csv",
        orbits="results/{catalog}/{system_model}/orbits.csv",
    output:
        corner=picture(
            "results/{catalog}/{system_model}/{population_model}",
            "corner",
            "Population",
        ),
        trace=picture(
            "results/{catalog}/{system_model}/{population_model}",
            "trace",
            "Population",
        ),
        density=picture(
            "results/{catalog}/{system_model}/{population_model}",
            "density",
            "Population",
        ),
        criticism=picture(
            "results/{catalog}/{system_model}/{population_model}",
            "criticism",
            "Criticism",
            "population_criticism",
        ),
    params:
        settings=settings("figures"),
        code=source_digest("plot_population"),
    log:
        "logs/plot_population/{catalog}/{system_model}/{population_model}.log",
    benchmark:
        "results/benchmarks/plot_population/{catalog}/{system_model}/{population_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_population.py"
