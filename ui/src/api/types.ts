/** Short names for what the server answers. The types themselves are generated from its OpenAPI document. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Run = Schemas["Run"];
export type RunStatus = Schemas["RunStatus"];
export type AgentShare = Schemas["Agent"];
export type Step = Schemas["Step"];
export type StepKind = Schemas["StepKind"];
export type StepUsage = Schemas["StepUsage"];
export type Usage = Schemas["UsageTotals"];
export type Message = Schemas["Message"];
export type Part = Schemas["Part"];
export type RetrievedDocument = Schemas["Document"];
export type LogRecord = Schemas["LogRecord"];
export type FacetValue = Schemas["FacetValue"];
export type Session = Schemas["Session"];
export type Problem = Schemas["Problem"];
export type SqlAnswer = Schemas["SqlAnswer"];
export type SqlSchema = Schemas["SqlSchema"];
export type Status = Schemas["Status"];
export type DoctorAnswer = Schemas["DoctorAnswer"];
export type DoctorFinding = Schemas["DoctorFinding"];
export type DoctorOrigin = Schemas["DoctorOrigin"];
export type Finding = Schemas["Finding"];
export type Issue = Schemas["Issue"];
export type Framework = Schemas["Framework"];
export type ForwardStatus = Schemas["ForwardStatus"];
export type ForwardDestination = Schemas["ForwardDestination"];
export type SlaBroken = Schemas["SlaBroken"];
export type LogCounts = Schemas["LogCountsAnswer"];
export type ChecklistRow = Schemas["ChecklistRow"];
export type RunAnswer = Schemas["RunAnswer"];
export type RunsAnswer = Schemas["RunsAnswer"];
