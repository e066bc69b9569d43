//! Steps of the optimiser where the network is: what an accelerator computes does not leave it.
//!
//! Parameters, moments and averages are each one row of numbers, as on the CPU, but a row of the device; optimisers are
//! formulas over whole rows. Loss and norm of a step are read some steps later, all at once, so that the device never
//! waits to be read. Sums are taken in the order that the device likes: the result is close to the CPU's, not equal.

use super::optimizer::{OptimizerState, is_matrix, orthogonal};
use super::settings::{OptimizerKind, OptimizerParams};
use super::state::LossScale;
use super::{StepReport, TrainState};
use crate::network::Layout;
use crate::network::parameters::{floats, write_row};
use burn::module::AutodiffModule;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Bool, Tensor, TensorData};

/// Steps whose loss and norm are read together.
pub(super) const STEPS_IN_FLIGHT: usize = 16;

/// A row of numbers on the device, without a graph.
type Row<B> = Tensor<<B as AutodiffBackend>::InnerBackend, 1>;

/// The numbers of a [`TrainState`], on the device.
#[derive(Debug)]
pub(super) struct DeviceNumbers<B: AutodiffBackend> {
    values: Row<B>,
    first: Row<B>,
    second: Option<Row<B>>,
    average: Option<Row<B>>,
    best: Option<Row<B>>,
    /// 1 for each number that weight decay shrinks, else 0.
    decays: Row<B>,
    /// What the learning rate of each number is multiplied by, if it is not 1 for all.
    rates: Option<Row<B>>,
    n_steps: u64,
    scaling: Option<Scaling<B>>,
}

/// What losses are multiplied by, so that small gradients are not 0 in 16 bits (Micikevicius et al., 2018): halved by a
/// step whose gradient is no number, which is left out, and doubled after many others.
#[derive(Debug)]
struct Scaling<B: AutodiffBackend> {
    scale: Row<B>,
    /// Steps since it last changed.
    n_good: Row<B>,
    /// Steps that were not left out, which moments are corrected by.
    n_taken: Row<B>,
}

/// Good steps after which the scale is doubled.
const GOOD_STEPS: f64 = 2000.0;

/// A step whose loss and norm have not been read.
#[derive(Debug)]
pub(super) struct Pending<B: AutodiffBackend> {
    /// What is known of it; loss and norm are not.
    pub(super) report: StepReport,
    /// Rows that it began with, for an error.
    pub(super) rows: Vec<u32>,
    /// Loss, norm, and what the loss was multiplied by.
    pub(super) read: Row<B>,
}

/// The parts of [`Pending::read`].
pub(super) const READ: usize = 3;

impl<B: AutodiffBackend> DeviceNumbers<B> {
    /// The numbers of a state, brought to the device.
    pub(super) fn new(state: &TrainState, layout: &Layout, device: &B::Device) -> Self {
        let row = |values: &[f32]| row::<B>(values.to_vec(), device);
        let mut decays = vec![0.0_f32; layout.len()];
        let mut rates = vec![1.0_f32; layout.len()];
        for slot in &layout.slots {
            rates[slot.range.clone()].fill(slot.rate as f32);
        }
        let has_rates = layout.slots.iter().any(|slot| slot.rate != 1.0);
        for slot in layout.slots.iter().filter(|slot| slot.decays) {
            decays[slot.range.clone()].fill(1.0);
        }
        let second = &state.optimizer.second;
        Self {
            values: row(&state.values),
            first: row(&state.optimizer.first),
            second: (!second.is_empty()).then(|| row(second)),
            average: state.average.as_deref().map(row),
            best: state.best.as_deref().map(row),
            decays: row(&decays),
            rates: has_rates.then(|| row(&rates)),
            n_steps: state.optimizer.n_steps,
            scaling: state.progress.loss_scale.map(|at| Scaling {
                scale: row(&[at.scale]),
                n_good: row(&[at.n_good]),
                n_taken: row(&[state.optimizer.n_steps as f32]),
            }),
        }
    }

    /// What a loss is multiplied by before its gradients are taken; none for 1.
    pub(super) fn loss_scale(&self) -> Option<&Row<B>> {
        self.scaling.as_ref().map(|scaling| &scaling.scale)
    }

    /// Brings the numbers back into a state.
    pub(super) fn store(&self, state: &mut TrainState) {
        let read = |row: &Row<B>| floats(row.clone());
        state.values = read(&self.values);
        state.optimizer = OptimizerState {
            first: read(&self.first),
            second: self.second.as_ref().map(read).unwrap_or_default(),
            n_steps: match &self.scaling {
                Some(scaling) => read(&scaling.n_taken)[0] as u64,
                None => self.n_steps,
            },
        };
        state.average = self.average.as_ref().map(read);
        state.best = self.best.as_ref().map(read);
        state.progress.loss_scale = self.scaling.as_ref().map(|scaling| LossScale {
            scale: read(&scaling.scale)[0],
            n_good: read(&scaling.n_good)[0],
        });
    }

    /// A network with these parameters.
    pub(super) fn network<M: AutodiffModule<B>>(&self, network: M) -> M {
        write_row(network, &self.values)
    }

    /// A network with the parameters that count, and these; the average if there is one.
    pub(super) fn current<M: AutodiffModule<B>>(&self, network: M) -> (M, Row<B>) {
        let row = self.average.as_ref().unwrap_or(&self.values);
        (write_row(network, row), row.clone())
    }

    /// Keeps parameters as the best.
    pub(super) fn keep(&mut self, best: Row<B>) {
        self.best = Some(best);
    }

    /// One step along gradients, which are clipped to a norm of `clip` if it is not 0; gives their norm before, which the
    /// caller may know. Where losses are scaled, a step whose norm is no number changes nothing but the scale.
    pub(super) fn step(
        &mut self,
        params: &OptimizerParams,
        learning_rate: f64,
        layout: &Layout,
        gradients: Row<B>,
        (clip, norm): (f64, Option<f64>),
    ) -> Row<B> {
        self.n_steps += 1;
        let norm = match norm {
            Some(norm) => row::<B>(vec![norm as f32], &gradients.device()),
            None => gradients.clone().powi_scalar(2).sum().sqrt(),
        };
        let gradients = if clip > 0.0 {
            gradients * (norm.clone().recip() * clip).clamp_max(1.0)
        } else {
            gradients
        };
        let before = self.scaling.as_ref().map(|_| {
            let (values, first) = (self.values.clone(), self.first.clone());
            (values, first, self.second.clone())
        });
        match params.r#type {
            OptimizerKind::Sgd => self.sgd(params, learning_rate, gradients),
            OptimizerKind::Lion => self.lion(params, learning_rate, gradients),
            OptimizerKind::Adam | OptimizerKind::Adamw => {
                self.adam(params, learning_rate, gradients);
            }
            OptimizerKind::Muon => self.muon(params, learning_rate, layout, &gradients),
        }
        if let (Some(scaling), Some(before)) = (&mut self.scaling, before) {
            let is_good = norm.clone().lower_equal_elem(f32::MAX);
            scaling.note(is_good.clone());
            let is_lost = is_good.bool_not();
            let or_before = |after: &mut Row<B>, before: Row<B>| {
                let is_lost = is_lost.clone().expand(after.shape());
                *after = after.clone().mask_where(is_lost, before);
            };
            or_before(&mut self.values, before.0);
            or_before(&mut self.first, before.1);
            if let (Some(after), Some(before)) = (&mut self.second, before.2) {
                or_before(after, before);
            }
        }
        norm
    }

    /// Moves the average on.
    pub(super) fn average(&mut self, decay: f64) {
        if let Some(average) = self.average.take() {
            self.average = Some(average * decay + self.values.clone() * (1.0 - decay));
        }
    }

    /// A step of every number, each at its own rate.
    fn rated(&self, step: Row<B>) -> Row<B> {
        match &self.rates {
            Some(rates) => step * rates.clone(),
            None => step,
        }
    }

    /// As on the CPU, over the whole row.
    fn adam(&mut self, params: &OptimizerParams, rate: f64, gradients: Row<B>) {
        let OptimizerParams {
            beta1: b1,
            beta2: b2,
            epsilon,
            weight_decay,
            ..
        } = *params;
        let values = self.values.clone();
        let is_coupled = params.r#type == OptimizerKind::Adam;
        let g = if is_coupled && weight_decay > 0.0 {
            gradients + values.clone() * self.decays.clone() * weight_decay
        } else {
            gradients
        };
        let second = self.second.take().expect("this optimiser has two moments");
        let m = self.first.clone() * b1 + g.clone() * (1.0 - b1);
        let v = second * b2 + g.powi_scalar(2) * (1.0 - b2);
        let step = match &self.scaling {
            None => {
                let power = self.n_steps.min(i32::MAX as u64) as i32;
                let correct1 = 1.0 - b1.powi(power);
                let correct2 = (1.0 - b2.powi(power)).sqrt();
                m.clone() * (rate * correct2 / correct1) / (v.clone().sqrt() + epsilon * correct2)
            }
            // How many steps were left out is known on the device alone.
            Some(scaling) => {
                let n = scaling.n_taken.clone() + 1.0;
                let correct = |beta: f64| (n.clone() * beta.ln()).exp().neg() + 1.0;
                let (correct1, correct2) = (correct(b1), correct(b2).sqrt());
                let size = correct2.clone() / correct1 * rate;
                m.clone() * size / (v.clone().sqrt() + correct2 * epsilon)
            }
        };
        let values = if is_coupled || weight_decay == 0.0 {
            values
        } else {
            values * (self.rated(self.decays.clone() * (-rate * weight_decay)) + 1.0)
        };
        self.values = values - self.rated(step);
        self.first = m;
        self.second = Some(v);
    }

    fn sgd(&mut self, params: &OptimizerParams, rate: f64, gradients: Row<B>) {
        let values = self.values.clone();
        let g = gradients + values.clone() * self.decays.clone() * params.weight_decay;
        self.first = self.first.clone() * params.beta1 + g.clone();
        self.values = values - self.rated((g + self.first.clone() * params.beta1) * rate);
    }

    fn lion(&mut self, params: &OptimizerParams, rate: f64, gradients: Row<B>) {
        let (b1, b2) = (params.beta1, params.beta2);
        let mixed = self.first.clone() * b1 + gradients.clone() * (1.0 - b1);
        let values = self.values.clone();
        let decay = values.clone() * self.decays.clone() * params.weight_decay;
        self.values = values - self.rated((mixed.sign() + decay) * rate);
        self.first = self.first.clone() * b2 + gradients * (1.0 - b2);
    }

    /// `AdamW` for all, whose momentum is Muon's too, then matrices as Muon steps them.
    fn muon(&mut self, params: &OptimizerParams, rate: f64, layout: &Layout, gradients: &Row<B>) {
        let before = self.values.clone();
        self.adam(params, rate, gradients.clone());
        let beta = params.beta1;
        for slot in layout.slots.iter().filter(|slot| is_matrix(slot)) {
            let [n_rows, n_columns] = [slot.shape[0], slot.shape[1]];
            let part = |row: &Row<B>| row.clone().slice(slot.range.clone());
            let update = part(gradients) * (1.0 - beta) + part(&self.first) * beta;
            let update = orthogonal(update.reshape([n_rows, n_columns]));
            let rate = rate * slot.rate;
            let size = rate * 0.2 * (n_rows.max(n_columns) as f64).sqrt();
            let shrunk = part(&before) * (1.0 - rate * params.weight_decay);
            let stepped = shrunk - update.reshape([slot.range.len()]) * size;
            let values = self.values.clone();
            self.values = values.slice_assign(slot.range.clone(), stepped);
        }
    }
}

impl<B: AutodiffBackend> Scaling<B> {
    /// Takes in whether a step was one.
    fn note(&mut self, is_good: Tensor<B::InnerBackend, 1, Bool>) {
        let is_good = is_good.float();
        self.n_taken = self.n_taken.clone() + is_good.clone();
        let n_good = (self.n_good.clone() + 1.0) * is_good.clone();
        let grows = n_good.clone().greater_equal_elem(GOOD_STEPS).float();
        self.n_good = n_good * (grows.clone().neg() + 1.0);
        let factor = (is_good * 0.5 + 0.5) * (grows + 1.0);
        self.scale = self.scale.clone() * factor;
    }
}

/// Numbers as a row of the device.
pub(super) fn row<B: AutodiffBackend>(values: Vec<f32>, device: &B::Device) -> Row<B> {
    let n = values.len();
    Tensor::<B::InnerBackend, 1>::from_data(TensorData::new(values, [n]), device)
}

/// Rows one after another, in one read.
pub(super) fn read_all<I: Backend>(rows: Vec<Tensor<I, 1>>) -> Vec<f32> {
    if rows.is_empty() {
        return Vec::new();
    }
    floats(Tensor::cat(rows, 0))
}
