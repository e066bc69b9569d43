//! A training on the device that the user names.

use super::{Job, TrainError, Trained, Trainer, Watch};
use crate::{Cpu, Device};
use automl_core::Artifact;

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
