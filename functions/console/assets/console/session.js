// The signed-in caller. The key is in the tab's session storage: it is in no URL, cookie or other
// tab, and is deleted when the tab closes.
import { useEffect, useState } from "./view.js";

const STORAGE_KEY = "tollgate.key";
const listeners = new Set();

const kept = sessionStorage.getItem(STORAGE_KEY);
// `wasKept`: the tab had the key when the page was loaded.
const session = { key: kept, caller: null, reason: null, wasKept: kept !== null };

const notify = () => {
  for (const listener of listeners) listener();
};

export const key = () => session.key;

export function signIn(key, caller) {
  sessionStorage.setItem(STORAGE_KEY, key);
  Object.assign(session, { key, caller, reason: null });
  notify();
}

// `reason` is a problem, shown above the sign-in form.
export function signOut(reason = null) {
  if (session.key === null && session.caller === null && !reason) return;
  sessionStorage.removeItem(STORAGE_KEY);
  Object.assign(session, { key: null, caller: null, reason, wasKept: false });
  notify();
}

export const isAdmin = () => hasScope("admin");

export const hasScope = (scope) => {
  const scopes = session.caller?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes("admin");
};

export const ownAccount = () => session.caller?.account_id;

export function useSession() {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((n) => n + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return session;
}
