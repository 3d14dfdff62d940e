//! `quantiles(value, 0.5, 0.95, …)`: several quantiles from one sketch.
//!
//! Each thread makes a sketch (`sketch.rs`) of each group, and sketches add up: three quantiles cost what one costs.
//! [`Sketches`] gives the sketches themselves, for parts of rows whose sums are kept and added up later (`parts.rs`).

use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Float64Builder, ListBuilder, RecordBatch,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use crate::sketch::Sketch;

/// Name in SQL.
pub(crate) const NAME: &str = "quantiles";
/// Quantiles of one call.
const QUANTILES_MAX: usize = 16;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Quantiles {
    signature: Signature,
}

impl Quantiles {
    pub fn new() -> Self {
        Self { signature: Signature::variadic_any(Volatility::Immutable) }
    }

    fn list() -> DataType {
        DataType::List(Arc::new(Field::new("item", DataType::Float64, true)))
    }
}

impl AggregateUDFImpl for Quantiles {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [value, quantiles @ ..] if value.is_numeric() && (1..=QUANTILES_MAX).contains(&quantiles.len()) => {
                Ok(Self::list())
            }
            _ => Err(plan_datafusion_err!(
                "quantiles takes a number and 1 to {QUANTILES_MAX} quantiles: quantiles(duration_ms, 0.5, 0.95)"
            )),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One { quantiles: wanted(&args)?, sketch: Sketch::default() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[sketch]", args.name), DataType::Binary, true))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Many { quantiles: wanted(&args)?, sketches: Vec::new() }))
    }
}

/// `sketch(value)`: what [`Quantiles`] adds up, as bytes. Not callable from SQL.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sketches {
    signature: Signature,
}

impl Sketches {
    pub fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Sketches {
    fn name(&self) -> &str {
        "sketch"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One { quantiles: Vec::new(), sketch: Sketch::default() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[sketch]", args.name), DataType::Binary, true))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Many { quantiles: Vec::new(), sketches: Vec::new() }))
    }
}

/// The quantiles of a call: numbers from 0 to 1 that do not depend on the row.
fn wanted(args: &AccumulatorArgs) -> Result<Vec<f64>> {
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let wrong = || plan_datafusion_err!("the quantiles of quantiles(value, …) must be numbers from 0 to 1");
    let read = |expr: &Arc<_>| {
        let expr: &Arc<dyn datafusion::physical_expr::PhysicalExpr> = expr;
        let Ok(ColumnarValue::Scalar(value)) = expr.evaluate(&nothing) else { return Err(wrong()) };
        match value.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(Some(quantile)) if (0.0..=1.0).contains(&quantile) => Ok(quantile),
            _ => Err(wrong()),
        }
    };
    args.exprs.iter().skip(1).map(read).collect()
}

fn numbers(values: &[ArrayRef]) -> Result<Float64Array> {
    let value = values.first().ok_or_else(|| exec_datafusion_err!("quantiles without a value"))?;
    Ok(cast(value, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

fn sketches(states: &[ArrayRef]) -> Result<&BinaryArray> {
    let state = states.first().and_then(|state| state.as_binary_opt::<i32>());
    state.ok_or_else(|| exec_datafusion_err!("quantiles: a state that is no sketch"))
}

/// The list of one group; null where there was no value.
fn append(list: &mut ListBuilder<Float64Builder>, sketch: &Sketch, quantiles: &[f64]) {
    let values: Vec<Option<f64>> = quantiles.iter().map(|quantile| sketch.quantile(*quantile)).collect();
    let known = values.iter().any(Option::is_some);
    if known {
        values.into_iter().for_each(|value| list.values().append_option(value));
    }
    list.append(known);
}

/// One group.
struct One {
    /// None of them asks for the sketch itself.
    quantiles: Vec<f64>,
    sketch: Sketch,
}

impl std::fmt::Debug for One {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {} values", self.quantiles, self.sketch.count())
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        numbers(values)?.iter().flatten().for_each(|value| self.sketch.add(value));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.quantiles.is_empty() {
            return Ok(ScalarValue::Binary(Some(self.sketch.to_bytes())));
        }
        let mut list = ListBuilder::new(Float64Builder::new());
        append(&mut list, &self.sketch, &self.quantiles);
        ScalarValue::try_from_array(&list.finish(), 0)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sketch.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.sketch.to_bytes()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in sketches(states)?.iter().flatten() {
            merge(&mut self.sketch, state)?;
        }
        Ok(())
    }
}

fn merge(sketch: &mut Sketch, state: &[u8]) -> Result<()> {
    let state =
        Sketch::from_bytes(state).ok_or_else(|| exec_datafusion_err!("quantiles: a state that is no sketch"))?;
    sketch.merge(&state);
    Ok(())
}

/// Many groups at once.
struct Many {
    /// As in [`One`].
    quantiles: Vec<f64>,
    sketches: Vec<Sketch>,
}

impl Many {
    fn emit(&mut self, emit_to: EmitTo) -> Vec<Sketch> {
        emit_to.take_needed(&mut self.sketches)
    }

    fn bytes(&mut self, emit_to: EmitTo) -> ArrayRef {
        let states = self.emit(emit_to).into_iter().map(|sketch| Some(sketch.to_bytes()));
        Arc::new(BinaryArray::from_iter(states))
    }
}

impl GroupsAccumulator for Many {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sketches.resize_with(total, Sketch::default);
        let values = numbers(values)?;
        for (row, group) in groups.iter().enumerate() {
            let passes = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if passes && values.is_valid(row) {
                self.sketches[*group].add(values.value(row));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        if self.quantiles.is_empty() {
            return Ok(self.bytes(emit_to));
        }
        let mut list = ListBuilder::new(Float64Builder::new());
        for sketch in self.emit(emit_to) {
            append(&mut list, &sketch, &self.quantiles);
        }
        Ok(Arc::new(list.finish()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.bytes(emit_to)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.sketches.resize_with(total, Sketch::default);
        for (state, group) in sketches(states)?.iter().zip(groups) {
            if let Some(state) = state {
                merge(&mut self.sketches[*group], state)?;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = numbers(values)?;
        let state = |row: usize| {
            let passes = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            let mut one = Sketch::default();
            if passes && values.is_valid(row) {
                one.add(values.value(row));
            }
            Some(one.to_bytes())
        };
        Ok(vec![Arc::new(BinaryArray::from_iter((0..values.len()).map(state)))])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sketches.iter().map(Sketch::size).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::ACCURACY;

    fn values(from: usize, until: usize) -> Vec<ArrayRef> {
        vec![Arc::new(Float64Array::from_iter_values((from..until).map(|value| value as f64)))]
    }

    #[test]
    fn quantiles_of_merged_parts_are_within_the_accuracy_of_the_whole() {
        let quantiles = vec![0.0, 0.5, 0.95, 0.99, 1.0];
        let mut parts: Vec<Many> =
            (0..4).map(|_| Many { quantiles: quantiles.clone(), sketches: Vec::new() }).collect();
        for (at, part) in parts.iter_mut().enumerate() {
            part.update_batch(&values(at * 2500 + 1, at * 2500 + 2501), &[1; 2500], None, 2).unwrap();
        }
        let mut whole = parts.remove(0);
        for mut part in parts {
            let states = part.state(EmitTo::All).unwrap();
            whole.merge_batch(&states, &[0, 1], 2).unwrap();
        }
        let lists = whole.evaluate(EmitTo::All).unwrap();
        let lists = lists.as_list::<i32>();
        assert!(lists.is_null(0), "no value, no quantile");
        let found = lists.value(1);
        for (found, expected) in
            found.as_primitive::<Float64Type>().values().iter().zip([1.0, 5000.0, 9500.0, 9900.0, 10_000.0])
        {
            assert!((found - expected).abs() <= expected * ACCURACY * 1.01, "{found} for {expected}");
        }
    }

    #[test]
    fn the_sketch_itself_is_given_where_no_quantile_is_asked_for() {
        let mut sketches = Many { quantiles: Vec::new(), sketches: Vec::new() };
        sketches.update_batch(&values(1, 101), &[0; 100], None, 1).unwrap();
        let bytes = sketches.evaluate(EmitTo::All).unwrap();
        let sketch = Sketch::from_bytes(bytes.as_binary::<i32>().value(0)).unwrap();
        assert_eq!((sketch.count(), sketch.quantile(1.0)), (100, Some(100.0)));
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut one = One { quantiles: vec![0.5], sketch: Sketch::default() };
        let odd: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(f64::NAN), Some(f64::INFINITY), Some(3.0)]));
        one.update_batch(&[odd]).unwrap();
        let ScalarValue::List(list) = one.evaluate().unwrap() else { panic!("a list") };
        let found = list.value(0).as_primitive::<Float64Type>().value(0);
        assert!((found - 3.0).abs() < 0.04, "{found}");
    }
}
