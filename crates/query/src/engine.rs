//! The engine: one per process, shared by all queries.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
    TableProvider,
};
use datafusion::common::DFSchema;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext, col, lit};
use futures::FutureExt;
use store::{Snapshot, Store, Table};

use crate::content::Content;
use crate::parts::Parts;
use crate::provider::ProjectTable;
use crate::yielding::YieldInJoins;
use crate::{LimitName, Limits, QueryError, functions, sql, views};

/// Catalog and schema names; they show only in plans.
const CATALOG: &str = "tawny";
const SCHEMA: &str = "public";

/// The name under which the session knows the segments' object store. No query can spell it: file paths are not tables here.
pub(crate) fn segments_url() -> ObjectStoreUrl {
    // A constant that parses; the fallback is never reached and names no store.
    ObjectStoreUrl::parse("tawny://segments").unwrap_or_else(|_| ObjectStoreUrl::local_filesystem())
}

/// Answers queries over a store. Cheap to share behind an `Arc`; all queries share its memory.
///
/// Every answer is computed from one snapshot, so its parts agree with each other. Dropping a future cancels its query.
pub struct Engine {
    pub(crate) store: Store,
    limits: Limits,
    /// Session state with functions and settings, no tables; each query adds its own.
    base: SessionState,
    /// What segments add to numbers for charts.
    pub(crate) parts: Parts,
}

impl Engine {
    /// An engine over `store`.
    ///
    /// # Errors
    /// [`QueryError::Internal`] when the directory for temporary files cannot be used.
    pub fn new(store: Store, limits: Limits) -> Result<Self, QueryError> {
        let runtime = runtime(&limits)?;
        let base = SessionStateBuilder::new()
            .with_config(config(&limits))
            .with_runtime_env(runtime)
            .with_expr_planners(functions::planners())
            .with_scalar_functions(functions::scalar())
            .with_higher_order_functions(functions::higher_order())
            .with_aggregate_functions(functions::aggregate())
            .with_window_functions(functions::window())
            .with_physical_optimizer_rule(Arc::new(YieldInJoins))
            .build();
        Ok(Self { store, limits, base, parts: Parts::default() })
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A consistent view of everything acknowledged so far.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, QueryError> {
        Ok(self.store.snapshot().await?)
    }

    /// The memory all queries share.
    pub(crate) fn memory(&self) -> &Arc<dyn MemoryPool> {
        &self.base.runtime_env().memory_pool
    }

    /// A session that sees the documented views of one project and nothing else.
    pub(crate) fn session(&self, snapshot: &Snapshot, project: &str) -> Result<SessionState, QueryError> {
        self.base.runtime_env().register_object_store(segments_url().as_ref(), snapshot.object_store.clone());
        let schema = MemorySchemaProvider::new();
        let register = |name: &str, rows: Arc<dyn TableProvider>| schema.register_table(name.to_owned(), rows);
        let spans = || self.table(snapshot, Table::Spans, project);
        let some = |rows: DataFrame, which: Expr| rows.filter(which).map(DataFrame::into_view);
        for table in Table::ALL {
            match table {
                Table::Spans => some(spans()?, col("told").is_null()).and_then(|rows| register(table.name(), rows)),
                _ => register(table.name(), Arc::new(ProjectTable::new(snapshot, table, project))),
            }
            .map_err(sql::errors::convert)?;
        }
        let told = some(spans()?, col("told").is_not_null().and(col("told").not_like(lit("join:%"))));
        told.and_then(|rows| register(views::TOLD, rows)).map_err(sql::errors::convert)?;
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema)).map_err(sql::errors::convert)?;
        let catalogs = MemoryCatalogProviderList::new();
        datafusion::catalog::CatalogProviderList::register_catalog(&catalogs, CATALOG.to_owned(), Arc::new(catalog));
        let mut state =
            SessionStateBuilder::new_from_existing(self.base.clone()).with_catalog_list(Arc::new(catalogs)).build();
        state.register_udf(Content::function(snapshot, project, self.memory())).map_err(sql::errors::convert)?;
        Ok(state)
    }

    /// The rows of one table that belong to `project`, for the lists.
    pub(crate) fn table(&self, snapshot: &Snapshot, table: Table, project: &str) -> Result<DataFrame, QueryError> {
        self.read(snapshot, ProjectTable::new(snapshot, table, project))
    }

    /// The rows of a table provider over `snapshot`.
    pub(crate) fn read(&self, snapshot: &Snapshot, table: ProjectTable) -> Result<DataFrame, QueryError> {
        self.base.runtime_env().register_object_store(segments_url().as_ref(), snapshot.object_store.clone());
        let context = SessionContext::new_with_state(self.base.clone());
        context.read_table(Arc::new(table)).map_err(sql::errors::convert)
    }

    /// An expression over columns of some schema, ready to be worked out row by row.
    pub(crate) fn expression(
        &self,
        expr: Expr,
        schema: &DFSchema,
    ) -> datafusion::common::Result<Arc<dyn PhysicalExpr>> {
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(schema.clone()))
            .with_config_options(Arc::clone(self.base.config_options()))
            .build();
        let simplifier = ExprSimplifier::new(context);
        // Some functions are there only to be written in other words (`coalesce`).
        let expr = simplifier.simplify(simplifier.coerce(expr, schema)?)?;
        self.base.create_physical_expr(expr, schema)
    }

    /// Runs `work` within `time`. A panic in an expression costs its query, not its neighbours.
    pub(crate) async fn bounded<T>(
        &self,
        name: LimitName,
        time: Duration,
        work: impl Future<Output = Result<T, QueryError>> + Send,
    ) -> Result<T, QueryError> {
        let answer = match tokio::time::timeout(time, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                Err(QueryError::Internal("the query engine stopped at a fault of its own; the log says where".into()))
            }
            Err(_) => Err(QueryError::out_of_time()),
        };
        answer.map_err(|error| match error {
            QueryError::Limit { name: LimitName::SqlTime, advice, .. } => {
                QueryError::Limit { name, limit: format!("{} s", time.as_secs_f64()), advice }
            }
            QueryError::Limit { name: LimitName::QueryBytes, advice, .. } => QueryError::Limit {
                name: LimitName::QueryBytes,
                limit: format!("{} MiB for all running queries", self.limits.memory_bytes >> 20),
                advice,
            },
            other => other,
        })
    }
}

fn runtime(limits: &Limits) -> Result<Arc<RuntimeEnv>, QueryError> {
    let disk = match &limits.spill_dir {
        Some(dir) => DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![dir.clone()]))
            .with_max_temp_directory_size(limits.spill_bytes),
        None => DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
    };
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(limits.metadata_cache_bytes)
        .build_arc()
        .map_err(|error| QueryError::Internal(error.strip_backtrace()))
}

fn config(limits: &Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(false)
        .with_target_partitions(limits.parallelism.max(1));
    let options = config.options_mut();
    // Both are off in DataFusion 55; a trace lookup is 15 times slower without them.
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.collect_statistics = false;
    options.execution.time_zone = Some("UTC".into());
    // Places in error messages.
    options.sql_parser.collect_spans = true;
    options.explain.show_statistics = false;
    config
}
