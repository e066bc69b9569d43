//! A job of one's own: a sum of waves whose frequencies are learned. `cargo run --release -p custom-job -- DIR` keeps the
//! state in DIR every ten steps; after a kill the same command goes on from there, to the same bits.

use automl_core::{Budget, Seed, Solo, Threads};
use automl_neural::burn_core::module::{Module, Param};
use automl_neural::burn_core::tensor::backend::{AutodiffBackend, Backend};
use automl_neural::burn_core::tensor::{Tensor, TensorData};
use automl_neural::train::{EverySteps, Job, TrainSettings, Trainer};
use automl_neural::{Device, Draw, burn_core as burn, burn_nn::Linear, network::Init};
use std::path::PathBuf;

#[derive(Module, Debug)]
struct Waves<B: Backend> {
    frequencies: Param<Tensor<B, 2>>,
    mix: Linear<B>,
}

/// The points of `y = sin 3x + x / 2`.
struct Points;

impl<B: AutodiffBackend> Job<B> for Points {
    type Network = Waves<B>;

    fn n_rows(&self) -> usize {
        500
    }

    fn build(&self, seed: Seed, device: &B::Device) -> Waves<B> {
        let mut init = Init::new(seed, device);
        Waves {
            frequencies: init.normal([1, 16], 2.0),
            mix: init.linear(16, 1),
        }
    }

    fn loss(&self, net: &Waves<B>, rows: &[u32], draw: &mut Draw, at: &B::Device) -> Tensor<B, 1> {
        let x: Vec<f32> = rows.iter().map(|&row| row as f32 / 125.0 - 2.0).collect();
        let y = x.iter().map(|x| (3.0 * x).sin() + x / 2.0).collect();
        let column = |values| Tensor::from_data(TensorData::new(values, [rows.len(), 1]), at);
        let waves = column(x).matmul(net.frequencies.val()).sin();
        let found = net.mix.forward(draw.dropout(waves, 0.01));
        (found - column(y)).powi_scalar(2).sum()
    }
}

#[expect(clippy::print_stdout, reason = "it is a program of its own")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let state = std::env::args_os().nth(1);
    let state = PathBuf::from(state.ok_or("say where the state is kept")?);
    let mut settings = TrainSettings::default();
    settings.trainer.epochs = 200;
    settings.trainer.batch_size = 50;
    settings.optimizer.learning_rate = 0.01;
    let trainer = Trainer {
        settings: &settings,
        seed: Seed(0),
        threads: &Threads::new(2)?,
        budget: &Budget::unlimited(),
        training: "waves",
        ranks: &Solo,
    };
    let from = state.exists().then(|| automl_store::read_state(&state));
    let from = from.transpose()?;
    if let Some(state) = &from {
        println!("goes on from step {}", state.meta["progress"]["step"]);
    }
    let mut keep = EverySteps::new(10, |from| Ok(automl_store::write_state(&state, from)?));
    let trained = trainer.train_on(Device::Cpu, &Points, from.as_ref(), &mut keep)?;
    let loss = trained.history.last().map_or(f64::NAN, |epoch| epoch.loss);
    let weights = trained.values;
    println!(
        "{} steps, loss {loss}, weights {weights:?}",
        trained.n_steps
    );
    Ok(())
}
