// Routes: a path and a query in the URL's fragment, which is not sent to the server.
import { useEffect, useState } from "./view.js";

export const href = (parts, query = {}) => {
  const path = [parts].flat().map(encodeURIComponent).join("/");
  const params = new URLSearchParams(
    Object.entries(query).filter(
      ([, value]) => value !== undefined && value !== null && value !== "",
    ),
  );
  return `#/${path}${params.size ? `?${params}` : ""}`;
};

export function currentRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    parts: path.split("/").filter(Boolean).map(decoded),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

export const navigate = (parts, query) => {
  location.hash = href(parts, query);
};

// Changes the query without a new history entry.
export function setQuery(changes) {
  const { parts, query } = currentRoute();
  history.replaceState(null, "", href(parts, { ...query, ...changes }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute() {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const follow = () => setRoute(currentRoute());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
