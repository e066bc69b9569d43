//! What computes, by the name that the user gives it.

use crate::errors::TrainVerbError;
use automl_collective::Place;
use automl_neural::Device;

/// The device of a name: `auto`, `cpu`, `cuda` or `cuda:N`. Without a number, ranks of one machine take its GPUs in turn.
///
/// # Errors
/// A name that is none, or a device that is not there.
pub(super) fn named(name: &str, place: Option<&Place>) -> Result<Device, TrainVerbError> {
    let (kind, number) = match name.split_once(':') {
        Some((kind, number)) => (kind, Some(number)),
        None => (name, None),
    };
    let unknown = || TrainVerbError::Device { name: name.into() };
    match (kind, number) {
        ("cpu", None) => Ok(Device::Cpu),
        ("auto", None) => match cuda(None, place) {
            Ok(device) => Ok(device),
            Err(reason) if reason.is_absence() => Ok(Device::Cpu),
            Err(reason) => Err(reason),
        },
        ("cuda", None) => cuda(None, place),
        ("cuda", Some(number)) => {
            let index: usize = number.parse().map_err(|_not_a_number| unknown())?;
            cuda(Some(index), place)
        }
        _ => Err(unknown()),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: Option<usize>, _place: Option<&Place>) -> Result<Device, TrainVerbError> {
    Err(TrainVerbError::NotBuilt)
}

#[cfg(feature = "cuda")]
fn cuda(index: Option<usize>, place: Option<&Place>) -> Result<Device, TrainVerbError> {
    let count = count()?;
    keep_kernels();
    let local = place.and_then(|place| place.local_rank).unwrap_or(0);
    match index {
        _ if count == 0 => Err(TrainVerbError::NoGpu),
        None => Ok(Device::Cuda(local % count)),
        Some(index) if index < count => Ok(Device::Cuda(index)),
        Some(index) => Err(TrainVerbError::NoSuchGpu { index, count }),
    }
}

/// Keeps compiled kernels, and which of them were found to be quick, in the user's cache: a first training compiles them
/// for a minute.
#[cfg(feature = "cuda")]
fn keep_kernels() {
    use cubecl_runtime::config::cache::CacheConfig;
    use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig as _};

    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let named = |name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(std::path::PathBuf::from)
        };
        let caches = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
        let mut config = CubeClRuntimeConfig::default().override_from_env();
        // Nowhere else: others could put kernels where all may write.
        if let Some(folder) = caches.map(|caches| caches.join("automl").join("cuda"))
            && std::fs::create_dir_all(&folder).is_ok()
        {
            config.autotune.cache = CacheConfig::File(folder.clone());
            config.compilation.cache = Some(CacheConfig::File(folder));
        }
        CubeClRuntimeConfig::set(config);
    });
}

/// How many GPUs the driver knows of.
#[cfg(feature = "cuda")]
fn count() -> Result<usize, TrainVerbError> {
    let no_driver = |reason: String| TrainVerbError::NoDriver { reason };
    // The library of the driver panics where it is not installed; the kernel's part is looked for first.
    let is_there = |path: &&str| std::path::Path::new(path).exists();
    let paths = ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"];
    if cfg!(target_os = "linux") && !paths.iter().any(is_there) {
        return Err(TrainVerbError::NoGpu);
    }
    match std::panic::catch_unwind(cudarc::driver::CudaContext::device_count) {
        Ok(Ok(count)) => Ok(usize::try_from(count).unwrap_or(0)),
        Ok(Err(error)) => Err(no_driver(format!("{error:?}"))),
        Err(_panic) => Err(no_driver("its library libcuda cannot be loaded".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::named;
    use automl_neural::Device;

    #[test]
    fn a_name_is_a_device_or_is_refused_by_its_code() {
        use automl_core::Coded as _;
        assert_eq!(named("cpu", None).expect("it is there"), Device::Cpu);
        for name in ["tpu", "cuda:", "cuda:x", "cuda:all", "cpu:0", ""] {
            let error = named(name, None).expect_err("it is no device");
            assert_eq!(error.code(), "train-device-name", "{name}");
        }
    }
}
