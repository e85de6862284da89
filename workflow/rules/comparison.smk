"""The assumption sets of a catalogue against each other: every system model with every population model."""

if PAIRS:

    rule compare_models:
        """Evidence and predictive density of every pair of models, and what other priors would make of each."""
        input:
            systems=expand(
                "results/{catalog}/{system_model}/exact/{batch}.nc",
                system_model=SYSTEM_MODELS,
                batch=BATCHES,
                allow_missing=True,
            ),
            populations=all_pairs("results/{catalog}/{system_model}/{population_model}/exact.nc"),
        output:
            comparison=report("results/{catalog}/model_comparison.csv", category="Comparison"),
            sensitivity=report("results/{catalog}/prior_sensitivity.csv", category="Comparison"),
        params:
            settings=settings(ess_min="diagnostics/ess_min", models="system_models"),
            code=source_digest("compare_models"),
        log:
            "logs/compare_models/{catalog}.log",
        benchmark:
            "results/benchmarks/compare_models/{catalog}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/compare_models.py"
