//! A training on the device that the user names.

use super::{Job, TrainError, TrainSettings, Trained, Trainer, Watch};
use crate::{Cpu, Device};
use automl_core::{Artifact, Budget, Collective, Seed, Threads};

/// A job that trains on every backend that is built in: one that is written for any `B`.
#[cfg(not(feature = "cuda"))]
pub trait AnyJob: Job<Cpu> {}
#[cfg(not(feature = "cuda"))]
impl<J: Job<Cpu>> AnyJob for J {}

/// A job that trains on every backend that is built in: one that is written for any `B`.
#[cfg(feature = "cuda")]
pub trait AnyJob: Job<Cpu> + Job<crate::Cuda> {}
#[cfg(feature = "cuda")]
impl<J: Job<Cpu> + Job<crate::Cuda>> AnyJob for J {}

/// Surroundings of a training of any family.
#[derive(Clone, Copy)]
pub struct TrainRun<'a> {
    /// Who trains, as errors and the artifact name it.
    pub learner: &'static str,
    /// The root of all randomness.
    pub seed: Seed,
    /// Threads to use.
    pub threads: &'a Threads,
    /// When to wind up.
    pub budget: &'a Budget,
    /// What data and settings these are, for checkpoints.
    pub training: &'a str,
    /// A checkpoint to go on from.
    pub from: Option<&'a Artifact>,
    /// Who trains together; [`automl_core::Solo`] for one.
    pub ranks: &'a dyn Collective,
    /// What computes.
    pub device: Device,
}

impl TrainRun<'_> {
    /// Trains a job on the device.
    pub(crate) fn train<J: AnyJob>(
        &self,
        job: &J,
        settings: &TrainSettings,
        watch: &mut dyn Watch,
    ) -> Result<Trained, TrainError> {
        let trainer = Trainer {
            settings,
            seed: self.seed,
            threads: self.threads,
            budget: self.budget,
            training: self.training,
            ranks: self.ranks,
        };
        trainer.train_on(self.device, job, self.from, watch)
    }
}

impl Trainer<'_> {
    /// Trains on a device.
    ///
    /// # Errors
    /// As [`Trainer::train`], or the device fails.
    pub fn train_on<J: AnyJob>(
        &self,
        device: Device,
        job: &J,
        from: Option<&Artifact>,
        watch: &mut dyn Watch,
    ) -> Result<Trained, TrainError> {
        match device {
            Device::Cpu => self.train::<Cpu, J>(job, &burn_flex::FlexDevice, from, watch),
            #[cfg(feature = "cuda")]
            Device::Cuda(index) => {
                let device = burn_cuda::CudaDevice::new(index);
                // What a kernel or an allocation met arrives as a panic.
                let train = || self.train_on_device::<crate::Cuda, J>(job, &device, from, watch);
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(train)).unwrap_or_else(
                    |panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        let text =
                            text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.into()));
                        Err(TrainError::Device {
                            device: Device::Cuda(index),
                            reason: text.unwrap_or_else(|| "it gave no reason".into()),
                        })
                    },
                )
            }
        }
    }
}
