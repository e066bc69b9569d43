//! Which rank this process is, as whoever started it says.

use automl_core::Coded;

/// Who started the ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher {
    /// `RANK` and `WORLD_SIZE`: torchrun, Kubernetes manifests, and this program itself.
    Torchrun,
    /// `OMPI_COMM_WORLD_RANK`: Open MPI's `mpirun`.
    OpenMpi,
    /// `PMI_RANK`: MPICH's and Intel's `mpirun`, and `srun --mpi=pmi2`.
    Pmi,
    /// `SLURM_PROCID`: `srun`.
    Slurm,
    /// `PET_NODE_RANK`: one process a node, as Kubeflow's trainer sets it for torchrun.
    Elastic,
}

impl Launcher {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torchrun => "torchrun's variables",
            Self::OpenMpi => "Open MPI's mpirun",
            Self::Pmi => "mpirun",
            Self::Slurm => "srun",
            Self::Elastic => "Kubeflow's trainer",
        }
    }

    /// Whether MPI is what joins the ranks, if it is there.
    pub(crate) fn has_mpi(self) -> bool {
        matches!(self, Self::OpenMpi | Self::Pmi)
    }
}

/// A rank's place in its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of this rank, from 0.
    pub rank: usize,
    /// The number of ranks.
    pub size: usize,
    /// The number of this rank among those on its machine, if that is known.
    pub local_rank: Option<usize>,
    /// Who said so.
    pub launcher: Launcher,
    /// Where rank 0 listens, if the ranks are to find one another over TCP.
    pub address: Option<(String, u16)>,
    /// What tells this job from others.
    pub job: String,
}

/// Variables that contradict one another or say nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// A variable that goes with another is not there.
    #[error("the environment has {there} but not {missing}")]
    Missing {
        /// The variable that is there.
        there: &'static str,
        /// The one that must go with it.
        missing: &'static str,
    },
    /// A variable does not hold a number that is possible.
    #[error("the variable {name} is '{value}', not {expected}")]
    Value {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should be.
        expected: String,
    },
}

impl Coded for PlaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "ranks-variable-missing",
            Self::Value { .. } => "ranks-variable-value",
        }
    }

    fn hint(&self) -> Option<String> {
        Some("start the ranks by mpirun, srun, torchrun or automl launch, which set it, or unset all of them".into())
    }
}

/// The names of what a launcher sets: rank, number of ranks, rank on the machine.
struct Names {
    launcher: Launcher,
    rank: &'static str,
    size: &'static str,
    local: &'static str,
}

/// In the order in which they are looked for: what is set by hand comes before what surrounds it.
const NAMES: [Names; 5] = [
    Names {
        launcher: Launcher::Torchrun,
        rank: "RANK",
        size: "WORLD_SIZE",
        local: "LOCAL_RANK",
    },
    Names {
        launcher: Launcher::OpenMpi,
        rank: "OMPI_COMM_WORLD_RANK",
        size: "OMPI_COMM_WORLD_SIZE",
        local: "OMPI_COMM_WORLD_LOCAL_RANK",
    },
    Names {
        launcher: Launcher::Pmi,
        rank: "PMI_RANK",
        size: "PMI_SIZE",
        local: "MPI_LOCALRANKID",
    },
    Names {
        launcher: Launcher::Slurm,
        rank: "SLURM_PROCID",
        size: "SLURM_NTASKS",
        local: "SLURM_LOCALID",
    },
    Names {
        launcher: Launcher::Elastic,
        rank: "PET_NODE_RANK",
        size: "PET_NNODES",
        local: "PET_LOCAL_RANK",
    },
];

/// Jobs of Slurm that name no port take one from here on, by their number.
const FIRST_SLURM_PORT: u64 = 15_000;
const N_SLURM_PORTS: u64 = 16_000;

impl Place {
    /// Reads the place from variables, by `lookup`; `None` if this process was started alone.
    ///
    /// # Errors
    /// Variables that are half there, or hold no possible number.
    pub fn from_variables(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, PlaceError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let Some(names) = NAMES.iter().find(|names| is_set(names, &lookup)) else {
            return Ok(None);
        };
        let size = number(names.size, &lookup, |value| value > 0, "a number above 0")?;
        let size = size.ok_or(PlaceError::Missing {
            there: names.rank,
            missing: names.size,
        })?;
        let expected = format!("a number below {}, the value of {}", size, names.size);
        let rank = number(names.rank, &lookup, |value| value < size, &expected)?;
        let local_rank = number(names.local, &lookup, |_| true, "a number")?;
        Ok(Some(Self {
            rank: rank.unwrap_or(0),
            size,
            local_rank,
            launcher: names.launcher,
            address: address(names.launcher, &lookup)?,
            job: job(&lookup),
        }))
    }
}

fn is_set(names: &Names, lookup: &impl Fn(&str) -> Option<String>) -> bool {
    // The script of a batch job has a rank, too; only steps are ranks that run together.
    let is_step = names.launcher != Launcher::Slurm || lookup("SLURM_STEP_ID").is_some();
    is_step && lookup(names.rank).is_some()
}

fn number(
    name: &'static str,
    lookup: &impl Fn(&str) -> Option<String>,
    is_possible: impl Fn(usize) -> bool,
    expected: &str,
) -> Result<Option<usize>, PlaceError> {
    let Some(value) = lookup(name) else {
        return Ok(None);
    };
    match value.trim().parse() {
        Ok(number) if is_possible(number) => Ok(Some(number)),
        _ => Err(PlaceError::Value {
            name,
            value,
            expected: expected.to_owned(),
        }),
    }
}

/// Where rank 0 listens: as it is said, or the first machine of the Slurm job.
fn address(
    launcher: Launcher,
    lookup: &impl Fn(&str) -> Option<String>,
) -> Result<Option<(String, u16)>, PlaceError> {
    let is_port = |port: usize| (1..=usize::from(u16::MAX)).contains(&port);
    let pairs: [(&str, &'static str); 2] = [
        ("MASTER_ADDR", "MASTER_PORT"),
        ("PET_MASTER_ADDR", "PET_MASTER_PORT"),
    ];
    for (host_name, port_name) in pairs {
        if let Some(host) = lookup(host_name) {
            let port = number(port_name, lookup, is_port, "a port")?;
            let port = port.ok_or(PlaceError::Missing {
                there: if port_name == "MASTER_PORT" {
                    "MASTER_ADDR"
                } else {
                    "PET_MASTER_ADDR"
                },
                missing: port_name,
            })?;
            return Ok(Some((host, port as u16)));
        }
    }
    if launcher != Launcher::Slurm {
        return Ok(None);
    }
    let nodes = lookup("SLURM_STEP_NODELIST").or_else(|| lookup("SLURM_JOB_NODELIST"));
    let job: Option<u64> = lookup("SLURM_JOB_ID").and_then(|id| id.parse().ok());
    Ok(nodes.zip(job).map(|(nodes, job)| {
        let port = FIRST_SLURM_PORT + job % N_SLURM_PORTS;
        (first_host(&nodes), port as u16)
    }))
}

/// What tells jobs apart: ranks that come to the port of another job by mistake are refused.
fn job(lookup: &impl Fn(&str) -> Option<String>) -> String {
    let names = ["AUTOML_JOB_ID", "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID"];
    let known = names.iter().find_map(|name| lookup(name));
    known.unwrap_or_else(|| "-".to_owned())
}

/// The first machine of Slurm's short form of a list: of `node[03-07,9],x1` it is `node03`.
fn first_host(nodes: &str) -> String {
    let Some((prefix, rest)) = nodes.split_once('[') else {
        return nodes.split(',').next().unwrap_or_default().to_owned();
    };
    if let Some((first, _)) = prefix.split_once(',') {
        return first.to_owned();
    }
    let (inside, after) = rest.split_once(']').unwrap_or((rest, ""));
    let number = inside.split([',', '-']).next().unwrap_or_default();
    let suffix = after.split(',').next().unwrap_or_default();
    format!("{prefix}{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variables: &[(&str, &str)]) -> Result<Option<Place>, PlaceError> {
        Place::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn found(variables: &[(&str, &str)]) -> Place {
        place(variables).unwrap().expect("a launcher is there")
    }

    #[test]
    fn a_process_that_nobody_launched_is_alone() {
        assert_eq!(place(&[("PATH", "/bin"), ("RANK", "")]), Ok(None));
    }

    #[test]
    fn each_launcher_is_known_by_its_variables() {
        let mpirun = found(&[
            ("OMPI_COMM_WORLD_RANK", "1"),
            ("OMPI_COMM_WORLD_SIZE", "4"),
            ("OMPI_COMM_WORLD_LOCAL_RANK", "1"),
        ]);
        assert_eq!(
            (mpirun.rank, mpirun.size, mpirun.local_rank),
            (1, 4, Some(1))
        );
        assert_eq!((mpirun.launcher, mpirun.address), (Launcher::OpenMpi, None));
        let mpich = found(&[("PMI_RANK", "0"), ("PMI_SIZE", "2")]);
        assert_eq!((mpich.launcher, mpich.size), (Launcher::Pmi, 2));
        let torchrun = found(&[
            ("RANK", "3"),
            ("WORLD_SIZE", "4"),
            ("MASTER_ADDR", "node1"),
            ("MASTER_PORT", "29500"),
            ("TORCHELASTIC_RUN_ID", "x7"),
        ]);
        assert_eq!(torchrun.address, Some(("node1".into(), 29_500)));
        assert_eq!((torchrun.rank, torchrun.job.as_str()), (3, "x7"));
        let kubeflow = found(&[
            ("PET_NODE_RANK", "1"),
            ("PET_NNODES", "2"),
            ("PET_MASTER_ADDR", "job-node-0-0.job"),
            ("PET_MASTER_PORT", "29400"),
        ]);
        assert_eq!((kubeflow.rank, kubeflow.launcher), (1, Launcher::Elastic));
        assert_eq!(kubeflow.address, Some(("job-node-0-0.job".into(), 29_400)));
    }

    #[test]
    fn what_is_set_by_hand_comes_before_what_surrounds_it() {
        let inner = found(&[
            ("SLURM_PROCID", "0"),
            ("SLURM_NTASKS", "1"),
            ("SLURM_STEP_ID", "0"),
            ("RANK", "1"),
            ("WORLD_SIZE", "2"),
        ]);
        assert_eq!(
            (inner.launcher, inner.rank, inner.size),
            (Launcher::Torchrun, 1, 2)
        );
    }

    #[test]
    fn a_step_of_slurm_is_joined_at_its_first_machine() {
        let step = [
            ("SLURM_PROCID", "2"),
            ("SLURM_NTASKS", "4"),
            ("SLURM_STEP_NODELIST", "gpu[03-04]"),
            ("SLURM_JOB_ID", "16017"),
            ("SLURM_STEP_ID", "0"),
        ];
        assert_eq!(found(&step).address, Some(("gpu03".into(), 15_017)));
        // The script of the batch job itself is no rank.
        assert_eq!(place(&step[..4]), Ok(None));
    }

    #[test]
    fn lists_of_machines_are_read_in_their_short_form() {
        for (nodes, first) in [
            ("a", "a"),
            ("a,b", "a"),
            ("n[1,3]", "n1"),
            ("n[001-128]", "n001"),
            ("x,n[1-2]", "x"),
            ("r[2-3]-ib,z", "r2-ib"),
        ] {
            assert_eq!(first_host(nodes), first, "{nodes}");
        }
    }

    #[test]
    fn variables_that_contradict_one_another_are_named() {
        let text = |variables: &[(&str, &str)]| place(variables).unwrap_err().to_string();
        assert_eq!(
            text(&[("RANK", "0")]),
            "the environment has RANK but not WORLD_SIZE"
        );
        assert_eq!(
            text(&[("RANK", "4"), ("WORLD_SIZE", "4")]),
            "the variable RANK is '4', not a number below 4, the value of WORLD_SIZE"
        );
        assert_eq!(
            text(&[("PMI_RANK", "0"), ("PMI_SIZE", "two")]),
            "the variable PMI_SIZE is 'two', not a number above 0"
        );
        assert_eq!(
            text(&[("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a")]),
            "the environment has MASTER_ADDR but not MASTER_PORT"
        );
    }
}
