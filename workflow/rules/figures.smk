"""The figures, each as PNG, for the report, and as PDF. Only these rules carry the figures' settings."""


rule plot_model_graphs:
    """The graph of every model: which variable is drawn from which."""
    output:
        **{graph: picture("results/model_graphs", graph, "Models") for graph in GRAPHS},
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


rule plot_catalog:
    """All velocities; how far NUTS lies from the exact answers; the eccentricities; what the models say of the periods."""
    input:
        visits="results/{catalog}/visits.fits",
        comparison=["results/{catalog}/model_comparison.csv"] if PAIRS else [],
        sensitivity=["results/{catalog}/prior_sensitivity.csv"] if PAIRS else [],
        agreement=expand("results/{catalog}/{model}/agreement.csv", model=SYSTEM_MODELS, allow_missing=True),
        keplerian=expand("results/{catalog}/{model}/orbits.csv", model=KEPLERIAN, allow_missing=True),
        eccentric=expand("results/{catalog}/{pair}/exact.nc", pair=ECCENTRIC, allow_missing=True),
        diagnostics=expand("results/{catalog}/{pair}/diagnostics.csv", pair=ECCENTRIC, allow_missing=True),
    output:
        **{
            f"eccentricities_{model}": picture(f"results/{{catalog}}/{model}", "eccentricities", "Systems")
            for model in KEPLERIAN
        },
        **{
            f"eccentricities_{pair}": picture(f"results/{{catalog}}/{pair}", "eccentricities", "Population")
            for pair in ECCENTRIC
        },
        **{
            f"agreement_{model}": picture(f"results/{{catalog}}/{model}", "agreement", "Certificates")
            for model in SYSTEM_MODELS
        },
        **{
            output: picture("results/{catalog}", name, "Comparison")
            for output, name in (("comparison", "model_comparison"), ("forest", "forest"))
            if PAIRS
        },
        visits=picture("results/{catalog}", "visits", "Systems"),
    params:
        settings=settings("figures"),
        code=source_digest("plot_catalog"),
        models=SYSTEM_MODELS,
        keplerian=KEPLERIAN,
        eccentric=ECCENTRIC,
    log:
        "logs/plot_catalog/{catalog}.log",
    benchmark:
        "results/benchmarks/plot_catalog/{catalog}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_catalog.py"


rule plot_systems:
    """Every system's periodogram, folded orbit and criticism; and the one that the tutorial shows."""
    input:
        visits="results/{catalog}/visits.fits",
        periods=batches("results/{catalog}/{system_model}/periods/{batch}.nc"),
        exact=batches("results/{catalog}/{system_model}/exact/{batch}.nc"),
        posteriors=batches("results/{catalog}/{system_model}/posteriors/{batch}.nc"),
        orbits="results/{catalog}/{system_model}/orbits.csv",
        criticism="results/{catalog}/{system_model}/criticism.csv",
        residuals="results/{catalog}/{system_model}/residuals.csv",
    output:
        overview=picture("results/{catalog}/{system_model}", "overview", "Systems"),
        periodograms=picture("results/{catalog}/{system_model}", "periodograms", "Systems"),
        orbits=picture("results/{catalog}/{system_model}", "orbits", "Systems"),
        criticism=picture("results/{catalog}/{system_model}", "criticism", "Criticism"),
        time_series=picture("results/{catalog}/{system_model}", "focus_time_series", "Systems"),
        folded=picture("results/{catalog}/{system_model}", "focus_folded", "Systems"),
        corner=picture("results/{catalog}/{system_model}", "focus_corner", "Systems"),
    params:
        settings=settings("figures", "focus_system", times="system_models/{system_model}/times"),
        code=source_digest("plot_systems"),
    log:
        "logs/plot_systems/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/plot_systems/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_systems.py"


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
        ),
    params:
        settings=settings("figures", **SIMULATION),
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


if PAIRS:

    rule plot_abstract:
        """The whole way in one picture, for the first of the models: visits, likelihoods, nodes, population."""
        input:
            visits="results/{catalog}/visits.fits",
            periods=batches(f"results/{{catalog}}/{PAIRS[0][0]}/periods/{{batch}}.nc"),
            orbits=f"results/{{catalog}}/{PAIRS[0][0]}/orbits.csv",
            exact=f"results/{{catalog}}/{'/'.join(PAIRS[0])}/exact.nc",
            diagnostics=f"results/{{catalog}}/{'/'.join(PAIRS[0])}/diagnostics.csv",
        output:
            abstract=picture("results/{catalog}", "abstract", "Population"),
        params:
            settings=settings("figures", times=f"system_models/{PAIRS[0][0]}/times"),
            code=source_digest("plot_abstract"),
        log:
            "logs/plot_abstract/{catalog}.log",
        benchmark:
            "results/benchmarks/plot_abstract/{catalog}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/plot_abstract.py"
