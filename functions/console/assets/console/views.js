// All views: path, title in the menu, required scope, and the module, which is loaded on demand. A
// view with `isOne` is not created again when the rest of its path changes.
import { isAdmin, hasScope } from "./session.js";

export const VIEWS = [
  {
    path: "jobs",
    title: "Jobs",
    isOpen: () => hasScope("jobs:read"),
    list: async () => (await import("./jobs/list.js")).JobList,
    one: async () => (await import("./jobs/job.js")).JobView,
  },
  {
    path: "submit",
    title: "Submit a job",
    isOpen: () => hasScope("jobs:write"),
    list: async () => (await import("./jobs/submit.js")).SubmitView,
    isOne: true,
  },
  {
    path: "kinds",
    title: "Kinds",
    isOpen: () => true,
    list: async () => (await import("./kinds/list.js")).KindList,
    one: async () => (await import("./kinds/kind.js")).KindView,
  },
  {
    path: "schedules",
    title: "Schedules",
    isOpen: () => hasScope("jobs:read"),
    list: async () => (await import("./schedules/list.js")).ScheduleList,
    one: async () => (await import("./schedules/schedule.js")).ScheduleView,
  },
  {
    path: "events",
    title: "Events",
    isOpen: () => hasScope("events:read"),
    list: async () => (await import("./events/view.js")).EventsView,
  },
  {
    path: "usage",
    title: "Usage",
    isOpen: () => hasScope("usage:read"),
    list: async () => (await import("./usage/view.js")).UsageView,
  },
  {
    path: "quotas",
    title: "Quotas",
    isOpen: () => hasScope("usage:read"),
    list: async () => (await import("./quotas/list.js")).QuotaList,
    one: async () => (await import("./quotas/quota.js")).QuotaView,
  },
  {
    path: "sources",
    title: "Sources",
    isOpen: () => hasScope("usage:read"),
    list: async () => (await import("./sources/list.js")).SourceList,
    one: async () => (await import("./sources/source.js")).SourceView,
  },
  {
    path: "accounts",
    title: "Accounts",
    isOpen: isAdmin,
    list: async () => (await import("./accounts/list.js")).AccountList,
    one: async () => (await import("./accounts/account.js")).AccountView,
  },
  {
    path: "define",
    title: null,
    isOpen: isAdmin,
    list: async () => (await import("./definitions/form.js")).DefinitionForm,
  },
];

export const viewOf = (parts) =>
  parts.length ? VIEWS.find(({ path }) => path === parts[0]) : VIEWS.find(({ isOpen }) => isOpen());

/**
 * The loader of the view for a path.
 * @param {{ list: Function, one?: Function }} view
 * @param {string[]} parts
 */
export const loaderOf = ({ list, one }, parts) => (parts[1] && one ? one : list);
