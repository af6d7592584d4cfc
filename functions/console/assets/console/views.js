// Every view: its place, its title in the menu, and whose key opens it.
import { isAdmin, may } from "./session.js";
import { AccountView } from "./accounts/account.js";
import { AccountList } from "./accounts/list.js";
import { DefinitionForm } from "./definitions/form.js";
import { EventsView } from "./events/view.js";
import { JobView } from "./jobs/job.js";
import { JobList } from "./jobs/list.js";
import { SubmitView } from "./jobs/submit.js";
import { KindView } from "./kinds/kind.js";
import { KindList } from "./kinds/list.js";
import { QuotaList } from "./quotas/list.js";
import { QuotaView } from "./quotas/quota.js";
import { ScheduleList } from "./schedules/list.js";
import { ScheduleView } from "./schedules/schedule.js";
import { SourceList } from "./sources/list.js";
import { SourceView } from "./sources/source.js";
import { UsageView } from "./usage/view.js";

const view = (path, title, isOpen, list, one = null) => ({ path, title, isOpen, component: (parts) => parts[1] && one ? one : list });

export const VIEWS = [
  view("jobs", "Jobs", () => may("jobs:read"), JobList, JobView),
  view("submit", "Submit a job", () => may("jobs:write"), SubmitView, SubmitView),
  view("kinds", "Kinds", () => true, KindList, KindView),
  view("schedules", "Schedules", () => may("jobs:read"), ScheduleList, ScheduleView),
  view("events", "Events", () => may("events:read"), EventsView),
  view("usage", "Usage", () => may("usage:read"), UsageView),
  view("quotas", "Quotas", () => may("usage:read"), QuotaList, QuotaView),
  view("sources", "Sources", () => may("usage:read"), SourceList, SourceView),
  view("accounts", "Accounts", isAdmin, AccountList, AccountView),
  view("define", null, isAdmin, DefinitionForm),
];

export const viewOf = (parts) => parts.length
  ? VIEWS.find(({ path }) => path === parts[0])
  : VIEWS.find(({ isOpen }) => isOpen());
