//! Lets a query be stopped wherever it is at work.
//!
//! DataFusion makes sources give way now and then. A join may turn one batch of a source into very many rows without asking
//! the source again, and then neither a time limit nor a cancelled request stops it. So every operator that can make more
//! rows than it reads gives way as well. A nested loop join whose condition holds for no pair of rows makes none at all, and
//! works on without ever giving way: its condition asks before each batch of pairs whether anybody still waits.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{NestedLoopJoinExec, NestedLoopJoinExecBuilder};

/// Wraps joins and unnests so that each batch they make counts against the task's budget.
#[derive(Debug, Default)]
pub(crate) struct YieldInJoins;

impl PhysicalOptimizerRule for YieldInJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let multiplies = node.children().len() > 1 || node.name() == "UnnestExec";
            Ok(if multiplies {
                Transformed::yes(Arc::new(CooperativeExec::new(node)) as _)
            } else {
                Transformed::no(node)
            })
        })
        .map(|transformed| transformed.data)
    }

    fn name(&self) -> &str {
        "yield_in_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whoever waits for a query. When it is dropped, or its time is over, the query's work ends.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Patience>);

#[derive(Debug)]
struct Patience {
    given_up: AtomicBool,
    until: Option<Instant>,
}

impl Waiting {
    /// Waits for `time` at most.
    pub(crate) fn at_most(time: Duration) -> Self {
        Self(Arc::new(Patience { given_up: AtomicBool::new(false), until: now().checked_add(time) }))
    }

    /// `plan`, in which the conditions of nested loop joins fail once nobody waits any more.
    ///
    /// # Errors
    /// When DataFusion cannot build a join again.
    pub(crate) fn watch(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some((join, filter)) =
                node.downcast_ref::<NestedLoopJoinExec>().and_then(|join| Some((join, join.filter()?)))
            else {
                return Ok(Transformed::no(node));
            };
            let asked = Asked { condition: Arc::clone(filter.expression()), patience: Arc::clone(&self.0) };
            let asked = JoinFilter::new(Arc::new(asked), filter.column_indices().to_vec(), Arc::clone(filter.schema()));
            let join = NestedLoopJoinExecBuilder::from(join).with_filter(Some(asked)).build()?;
            Ok(Transformed::yes(Arc::new(join) as _))
        })
        .map(|transformed| transformed.data)
    }
}

/// A timer would need a thread that is free, and joins may hold them all.
#[allow(
    clippy::disallowed_methods,
    reason = "it measures how long work took, as timers do, and is no part of any answer"
)]
fn now() -> Instant {
    Instant::now()
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::Relaxed);
    }
}

/// A condition that is not worked out once nobody waits for it.
#[derive(Debug)]
struct Asked {
    condition: Arc<dyn PhysicalExpr>,
    patience: Arc<Patience>,
}

impl PhysicalExpr for Asked {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let late = self.patience.until.is_some_and(|until| now() >= until);
        if late || self.patience.given_up.load(Ordering::Relaxed) {
            return Err(DataFusionError::External(Box::new(NobodyWaits)));
        }
        self.condition.evaluate(batch)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children.pop().unwrap_or_else(|| Arc::clone(&self.condition));
        Ok(Arc::new(Self { condition, patience: Arc::clone(&self.patience) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

/// Why a condition was not worked out.
#[derive(Debug, thiserror::Error)]
#[error("nobody waits for the query any more")]
pub(crate) struct NobodyWaits;
