// A source's health, derived from its latest collections.
export function healthOf({ last_success_at, last_error_at, last_warning }) {
  if (last_error_at && (!last_success_at || new Date(last_error_at) > new Date(last_success_at)))
    return "failing";
  if (!last_success_at) return "waiting";
  return last_warning ? "warning" : "healthy";
}
