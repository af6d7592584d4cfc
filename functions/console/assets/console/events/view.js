import { html, useEffect, useRef, useState } from "../view.js";
import { announce } from "../announce.js";
import { setQuery, href } from "../router.js";
import { hasScope } from "../session.js";
import { AccountSelect, nameOf, useAccounts } from "../components/account.js";
import { Page } from "../components/page.js";
import { ProblemNote } from "../components/problem.js";
import { Status } from "../components/status.js";
import { Empty } from "../components/table.js";
import { Time } from "../components/time.js";
import { follow } from "./stream.js";

const KEPT = 500;
const TYPES = [
  "data",
  "job.completed",
  "job.failed",
  "job.cancelled",
  "quota.crossed",
  "quota.resolved",
];

export function EventsView({ query: { account, type, from } }) {
  const accounts = useAccounts().data;
  const [isPaused, setPaused] = useState(false);
  const { events, waiting, state, problem, clear, reload } = useEvents({ account, from, isPaused });
  const shown = events.filter((event) => !type || event.type === type);

  return html`<${Page} title="Events" actions=${html`
      <button type="button" class="button" aria-pressed=${String(isPaused)}
        onClick=${() => setPaused(!isPaused)}>
        ${isPaused ? `Resume${waiting ? ` (${waiting} new)` : ""}` : "Pause"}</button>
      <button type="button" class="button" onClick=${clear}>Clear</button>`}>
    <form class="filters" aria-label="Filter" onSubmit=${(event) => event.preventDefault()}>
      <label class="field" for="type"><span>Type</span><select id="type" value=${type ?? ""}
        onChange=${(event) => setQuery({ type: event.target.value })}>
        <option value="">All</option>${TYPES.map(
          (one) => html`<option value=${one}>
          ${one}</option>`,
        )}</select></label>
      <label class="field" for="from"><span>From</span><select id="from" value=${from ?? "now"}
        onChange=${({ target }) => setQuery({ from: target.value === "now" ? "" : target.value })}>
        <option value="now">now</option><option value="oldest">7 days ago</option></select>
          </label>
      <${AccountSelect} value=${account} accounts=${accounts}
        onChange=${(account) => setQuery({ account })} />
      <p class="connection" role="status"><${Status} is=${isPaused ? "paused" : state} /></p>
    </form>
    ${
      problem &&
      html`<${ProblemNote} problem=${problem}
        onRetry=${problem.isRetryable ? null : reload} />`
    }
    ${
      shown.length
        ? html`<ol class="events" aria-label="Events, newest first">
          ${shown.map(
            (event) => html`<${Event} key=${event.id} event=${event}
          accounts=${account ? accounts : null} />`,
          )}</ol>`
        : html`<${Empty}
          title=${
            state === "live" || state === "polling" ? "No events yet" : "Connecting"
          }><p>Events are published with${" "}
          <code>POST /v1/accounts/…/events</code>, when jobs end whose kind has${" "}
          <code>"events": true</code>, and when a quota reaches a threshold.</p><//>`
    }
  <//>`;
}

const Event = ({
  event,
  accounts,
}) => html`<li class="event"><div><${Time} at=${event.time} /> <strong>${event.type}</strong>${" "}
    <span class="quiet">from</span> ${event.source}
      ${accounts && html` <span class="quiet">of ${nameOf(accounts, event.account_id)}</span>`}
    ${
      event.data?.job_id &&
      hasScope("jobs:read") &&
      html` <a
      href=${href(["jobs", event.data.job_id], { account: accounts ? event.account_id : "" })}>
      its job</a>`
    }</div>
  <pre tabindex="0" role="region" aria-label=${`Data of ${event.id}`}>
    ${JSON.stringify(event.data)}</pre></li>`;

// The latest events, newest first. While paused, new events are held back and counted.
function useEvents({ account, from, isPaused }) {
  const [held, setHeld] = useState({ events: [], waiting: [] });
  const [{ state, problem }, setState] = useState({ state: "connecting", problem: null });
  const [round, setRound] = useState(0);
  const paused = useRef(isPaused);
  paused.current = isPaused;

  useEffect(() => {
    const controller = new AbortController();
    setHeld({ events: [], waiting: [] });
    setState({ state: "connecting", problem: null });
    follow({
      accounts: account ? [account] : [],
      after: from === "oldest" ? undefined : "now",
      signal: controller.signal,
      onState: (state, problem = null) => setState({ state, problem }),
      onEvents: (events) => {
        setHeld((old) => {
          const known = new Set([...old.events, ...old.waiting].map(({ id }) => id));
          const fresh = events.filter(({ id }) => !known.has(id)).reverse();
          return paused.current
            ? { ...old, waiting: [...fresh, ...old.waiting].slice(0, KEPT) }
            : { ...old, events: [...fresh, ...old.events].slice(0, KEPT) };
        });
        if (!paused.current)
          announce(
            events.length === 1 ? `New event: ${events[0].type}` : `${events.length} new events`,
          );
      },
    });
    return () => controller.abort();
  }, [account, from, round]);

  useEffect(() => {
    if (!isPaused)
      setHeld(({ events, waiting }) => ({
        events: [...waiting, ...events].slice(0, KEPT),
        waiting: [],
      }));
  }, [isPaused]);

  return {
    events: held.events,
    waiting: held.waiting.length,
    state,
    problem,
    clear: () => setHeld({ events: [], waiting: [] }),
    reload: () => setRound((n) => n + 1),
  };
}
