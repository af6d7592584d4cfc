// The resources that operators define as JSON: help, draft of a new one, and writable members.

export const RESOURCES = {
  kinds: {
    one: "kind",
    help: "The schema of payloads (JSON Schema 2020-12) and the target of jobs.",
    members: [
      "description",
      "schema",
      "target",
      "retry",
      "timeout_seconds",
      "discipline",
      "events",
      "retention_seconds",
    ],
    draft: {
      description: "Creates a customer's report",
      schema: {
        type: "object",
        required: ["customer"],
        properties: { customer: { type: "integer", minimum: 1 } },
        additionalProperties: false,
      },
      target: { type: "http", url: "https://example.com/reports" },
      retry: { max_attempts: 5 },
    },
  },
  quotas: {
    one: "quota",
    help:
      "How many bytes a set of series may use in a period, " +
      "and who gets a mail at each threshold.",
    members: [
      "limit_bytes",
      "type",
      "service",
      "route",
      "account",
      "period",
      "timezone",
      "thresholds",
      "recipients",
      "enforce",
    ],
    draft: {
      limit_bytes: 1_000_000_000_000,
      type: "egress",
      period: "month",
      timezone: "UTC",
      thresholds: [80, 90, 100],
      recipients: ["ops@example.com"],
    },
  },
  sources: {
    one: "source",
    help:
      "A source of usage data, collected every minute: " +
      "a page in Prometheus' text format, or a metric of CloudWatch.",
    members: [
      "type",
      "url",
      "headers",
      "preset",
      "metric",
      "labels",
      "as",
      "account",
      "namespace",
      "metric_name",
      "dimensions",
    ],
    draft: { type: "prometheus", url: "http://kong:8001/metrics", preset: "kong2" },
  },
  schedules: {
    one: "schedule",
    help: "Submits a job at the times of an expression: cron(…), rate(…) or at(…).",
    members: ["expression", "timezone", "account", "enabled", "job"],
    draft: {
      expression: "cron(0 6 ? * MON-FRI *)",
      timezone: "UTC",
      account: "acc_…",
      job: { kind: "echo", payload: {} },
    },
  },
};

// The writable members of a response. Null means that a member is not set.
export const editable = ({ members }, body) =>
  Object.fromEntries(
    members
      .map((name) => [name, body[name]])
      .filter(([, value]) => value !== undefined && value !== null),
  );

export const hasMasked = (value) =>
  value === "***" ||
  (typeof value === "object" && value !== null && Object.values(value).some(hasMasked));
