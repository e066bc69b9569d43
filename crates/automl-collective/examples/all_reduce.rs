//! Times sums over ranks: `all_reduce MILLIONS_OF_BYTES REPEATS`, started as every rank by any launcher.
//!
//! Rank 0 prints one line: the transport, the ranks, the bytes, and the median and the least seconds of a sum.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program of its own, for benchmarks"
)]

use automl_collective::{Place, Transport, TransportKind, start};
use automl_core::Clock;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let mut number = |default: usize| words.next().map_or(Ok(default), |word| word.parse());
    let (megabytes, n_repeats) = (number(26)?, number(20)?);
    let place = Place::from_variables(|name| std::env::var(name).ok())?;
    let place = place.ok_or("start it by mpirun, srun or with RANK and WORLD_SIZE")?;
    let transport = Transport {
        kind: match std::env::var("AUTOML_TRANSPORT").as_deref() {
            Ok("tcp") => Some(TransportKind::Tcp),
            Ok("mpi") => Some(TransportKind::Mpi),
            _ => None,
        },
        ..Transport::default()
    };
    let ranks = start(&place, &transport)?;
    let mut values = vec![1.0_f32; megabytes * 250_000];
    let mut seconds = Vec::new();
    for repeat in 0..=n_repeats {
        ranks.barrier()?;
        let clock = Clock::start();
        ranks.all_reduce_f32(&mut values)?;
        if repeat > 0 {
            seconds.push(clock.seconds());
        }
        assert!(values.iter().all(|&value| value == ranks.size() as f32));
        values.fill(1.0);
    }
    seconds.sort_by(f64::total_cmp);
    if ranks.rank() == 0 {
        println!(
            "{{\"transport\": \"{}\", \"ranks\": {}, \"bytes\": {}, \"median_s\": {:.4}, \"least_s\": {:.4}}}",
            ranks.transport(),
            ranks.size(),
            megabytes * 1_000_000,
            seconds[seconds.len() / 2],
            seconds[0]
        );
    }
    Ok(())
}
