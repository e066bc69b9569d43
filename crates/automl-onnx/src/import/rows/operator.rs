//! Kernels as operators of tract.

use super::{KERNELS, Kernel, Said, Shape};
use std::sync::Arc;
use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::{InferenceOp, InferenceResult, Solver, TensorProxy};
#[cfg_attr(
    not(test),
    expect(
        clippy::wildcard_imports,
        reason = "macros of tract name what they find in scope"
    )
)]
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::{as_op, op_as_typed_op, op_out_of_plan};

/// Lets graphs of a reader have kernels in the place of what tract has for these operators.
pub(in crate::import) fn register(onnx: &mut Onnx) {
    for name in KERNELS {
        onnx.op_register.insert(name, build);
    }
}

fn build(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let kernel = Kernel::read(node).map_err(|error| format_err!("{error}"))?;
    Ok((expand(Rows(Arc::new(kernel))), Vec::new()))
}

/// A kernel that tract runs.
#[derive(Debug, Clone)]
struct Rows(Arc<Kernel>);

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Rows {}

impl Rows {
    fn element(&self, operand: DatumType) -> DatumType {
        match self.0.said() {
            Said::Single => f32::datum_type(),
            Said::Double => f64::datum_type(),
            Said::Whole => i64::datum_type(),
            Said::Same => operand,
        }
    }

    /// Lengths of what is said of an operand of such lengths.
    fn lengths(&self, operand: &[TDim]) -> TractResult<TVec<TDim>> {
        let Some((last, before)) = operand.split_last() else {
            bail!("an operand that has no rows");
        };
        // Of a list each element is a row.
        let is_list = before.is_empty();
        let width = if is_list { 1 } else { last.to_usize()? };
        let mut lengths: TVec<TDim> = operand.into();
        match self
            .0
            .shape(width)
            .map_err(|reason| format_err!("{reason}"))?
        {
            Shape::Appended(n) => lengths.push(n.to_dim()),
            Shape::Last(n) if is_list && n == 1 => {}
            Shape::Last(n) if is_list => lengths.push(n.to_dim()),
            Shape::Last(n) => {
                lengths.pop();
                lengths.push(n.to_dim());
            }
        }
        Ok(lengths)
    }
}

impl Expansion for Rows {
    fn name(&self) -> StaticName {
        "Rows".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        if inputs.len() != 1 || outputs.len() != 1 {
            bail!("an operator of rows that has not one operand and one result");
        }
        solver.given(&inputs[0].datum_type, move |solver, operand| {
            solver.equals(&outputs[0].datum_type, self.element(operand))
        })?;
        solver.given(&inputs[0].shape, move |solver, operand| {
            solver.equals(&outputs[0].shape, self.lengths(&operand)?)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Rows {
    fn name(&self) -> StaticName {
        "Rows".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Rows {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [operand] = inputs.as_slice() else {
            bail!("an operator of rows that has not one operand");
        };
        let dims: Vec<TDim> = operand.shape().iter().map(ToDim::to_dim).collect();
        let lengths = self.lengths(&dims)?;
        let lengths: Vec<usize> = lengths
            .iter()
            .map(|length| Ok(length.to_usize()?))
            .collect::<TractResult<_>>()?;
        let is_double = operand.datum_type() == f64::datum_type();
        let width = match operand.shape() {
            [_] => 1,
            shape => shape.last().copied().unwrap_or(1),
        };
        let n_rows = operand.len() / width.max(1);
        let n_said: usize = lengths.iter().product();
        let mut said = vec![0.0; n_said];
        let cells = operand.cast_to::<f64>()?;
        let cells = cells.try_as_plain_ram()?;
        let cells = cells.as_slice::<f64>()?;
        if n_rows > 0 && n_said > 0 {
            let rows = cells.chunks_exact(width);
            for (row, said) in rows.zip(said.chunks_exact_mut(n_said / n_rows)) {
                let ran = self.0.run(row, said, is_double);
                ran.map_err(|reason| format_err!("{reason}"))?;
            }
        }
        let said = Tensor::from_shape(&lengths, &said)?;
        let said = said.cast_to_dt(self.element(operand.datum_type()))?;
        Ok(tvec!(said.into_owned().into_tvalue()))
    }
}

impl TypedOp for Rows {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [operand] = inputs else {
            bail!("an operator of rows that has not one operand");
        };
        let lengths: Vec<TDim> = operand.shape.iter().cloned().collect();
        let lengths = self.lengths(&lengths)?;
        let element = self.element(operand.datum_type);
        Ok(tvec!(TypedFact::dt_shape(element, lengths)))
    }

    as_op!();
}
