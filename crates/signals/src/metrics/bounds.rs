//! Bounds of the buckets of histograms: of every guide that has a family, all of its own.

/// A and E count workflows, B executions, D requests: one run each.
pub(super) const RUN_BOUNDS: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
pub(super) const STEP_BOUNDS: &[f64] = &[0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
pub(super) const CALL_BOUNDS: &[f64] = &[0.1, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
pub(super) const TOOL_BOUNDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// OpenTelemetry's advice for `gen_ai.client.operation.duration`.
pub(super) const GEN_AI_SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// OpenTelemetry's advice for `gen_ai.client.token.usage`.
pub(super) const GEN_AI_TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
pub(super) const TOKENS: &[f64] = &[
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_000.0,
    4_000.0,
    8_000.0,
    16_000.0,
    32_000.0,
    50_000.0,
    100_000.0,
    200_000.0,
    500_000.0,
    1_000_000.0,
];
pub(super) const COUNTS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 50.0];
pub(super) const STEPS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0];
pub(super) const DOLLARS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Shares of a model's context window; 0.8 is where guide C's checklist warns.
pub(super) const SHARES: &[f64] = &[0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Runs of a conversation.
pub(super) const TURNS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 50.0];
