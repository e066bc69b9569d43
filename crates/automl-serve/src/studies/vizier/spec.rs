//! A study's spec as Vizier's clients write it, and ours.

use super::metrics::Metrics;
use super::refused::{Refused, invalid};
use super::space::Listed;
use super::wire;
use crate::tuning::Spec;
use automl_core::Seed;
use automl_tune::{
    Algorithm, Auto, BruteForce, CmaEs, Gp, Grid, Nsga2, Percentile, Random, Sobol, Stopping, Tpe,
    Turbo,
};
use std::str::FromStr;

/// Where studies say what Vizier's specs have no field for.
const OWN_NAMESPACE: &str = ":automl";
/// Values of a continuous parameter on a grid, as Vizier's users know it.
const GRID_VALUES: usize = 10;
/// The metadata that names another server which proposes trials.
const PYTHIA: (&str, &str) = (":service", "PYTHIA_ENDPOINT");

/// The spec of a new study of this name in the record.
///
/// Vizier's clients say no seed, so that of a study is made of its name: the same study is searched alike wherever it is
/// made, and studies of different names are not. The metadata `seed` in the namespace `automl` says another, `lease_s` for how
/// long a trial is held without a sign of its worker, and `retries` how often a lost one is given out again.
pub(super) fn spec_of(name: &str, told: &wire::StudySpec) -> Result<Spec, Refused> {
    if let Some(endpoint) = metadatum(told, PYTHIA) {
        let endpoint = endpoint.to_owned();
        return Err(Refused::Pythia { endpoint });
    }
    let seed = number(told, "seed", "the seed", "a whole number of at least zero")?;
    // Of 53 bits, so that every reader of JSON reads it as it is.
    let seed = seed.unwrap_or_else(|| Seed(0).named(name).0 >> 11);
    let objectives = Metrics::of(&told.metrics)?.objectives;
    let algorithm = algorithm(&told.algorithm, seed)?;
    if algorithm.check(objectives.len()).is_err() {
        return Err(Refused::Objectives {
            name: told.algorithm.clone(),
            n_objectives: objectives.len(),
        });
    }
    let spec = Spec {
        space: Listed::read(&told.parameters)?.space()?,
        objectives,
        algorithm,
        // The stopping that a spec can ask for has no settings, and clients that ask for none do not ask whether to stop.
        stopping: Some(Stopping::Median(Percentile::default())),
        seed,
        budget: None,
        lease_s: number(told, "lease_s", "the lease", "a number of seconds")?,
        retries: number(told, "retries", "the retries", "a whole number")?,
        warm_start: Vec::new(),
        run: None,
    };
    spec.check()?;
    Ok(spec)
}

/// What the metadata of our namespace say of a number, if anything.
fn number<T: FromStr>(
    told: &wire::StudySpec,
    key: &str,
    field: &'static str,
    wanted: &str,
) -> Result<Option<T>, Refused> {
    let Some(text) = metadatum(told, (OWN_NAMESPACE, key)) else {
        return Ok(None);
    };
    let read = text.parse();
    let odd = |_odd| invalid(field, format!("'{text}' is not {wanted}"));
    read.map(Some).map_err(odd)
}

fn metadatum<'a>(told: &'a wire::StudySpec, (namespace, key): (&str, &str)) -> Option<&'a str> {
    let found = (told.metadata.iter()).find(|own| own.ns == namespace && own.key == key);
    found?.value.as_deref()
}

/// The algorithms that studies may name. Those of Vizier that have no like here are refused, as unknown ones are.
fn algorithm(name: &str, seed: u64) -> Result<Algorithm, Refused> {
    const KNOWN: [&str; 11] = [
        "DEFAULT",
        "GP_UCB_PE",
        "GAUSSIAN_PROCESS_BANDIT",
        "RANDOM_SEARCH",
        "QUASI_RANDOM_SEARCH",
        "GRID_SEARCH",
        "SHUFFLED_GRID_SEARCH",
        "NSGA2",
        "CMA_ES",
        "TPE",
        "TURBO",
    ];
    Ok(match name {
        "" | "DEFAULT" | "ALGORITHM_UNSPECIFIED" => Algorithm::Auto(Auto::default()),
        "GP_UCB_PE" | "GAUSSIAN_PROCESS_BANDIT" => Algorithm::Gp(Gp::default()),
        "RANDOM_SEARCH" => Algorithm::Random(Random {}),
        "QUASI_RANDOM_SEARCH" => Algorithm::Sobol(Sobol {
            scramble: (seed & u64::from(u32::MAX)) as u32,
        }),
        "GRID_SEARCH" => Algorithm::Grid(Grid {
            n_values: GRID_VALUES,
        }),
        "SHUFFLED_GRID_SEARCH" => Algorithm::BruteForce(BruteForce {}),
        "NSGA2" => Algorithm::Nsga2(Nsga2::default()),
        "CMA_ES" => Algorithm::CmaEs(CmaEs::default()),
        "TPE" => Algorithm::Tpe(Tpe::default()),
        "TURBO" => Algorithm::Turbo(Turbo::default()),
        other => {
            return Err(Refused::Algorithm {
                name: other.to_owned(),
                known: KNOWN.join(", "),
            });
        }
    })
}
