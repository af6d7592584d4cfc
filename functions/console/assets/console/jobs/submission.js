import { useRef, useState } from "../view.js";
import { request } from "../api.js";
import { useAction } from "../resource.js";

const fresh = () =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");

// Submits a job. A retry of the same job after a failure reuses its `Idempotency-Key`.
export function useSubmission() {
  const action = useAction();
  const [resolved, setResolved] = useState([]);
  const last = useRef({});

  const send = ({ metadata, ...request_ }, payload) => {
    const rest = Object.entries({ ...request_, metadata }).filter(
      ([, value]) => value !== undefined,
    );
    const members = [
      ...rest.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`),
      `"payload":${payload}`,
    ];
    const text = `{${members.join(",")}}`;
    if (last.current.text !== text) last.current = { text, key: fresh() };
    setResolved([]);
    return action.run(async () => {
      const { body } = await request("POST", "jobs", {
        text,
        headers: { "Idempotency-Key": last.current.key },
      });
      last.current = {};
      return body;
    });
  };

  const problem =
    action.problem &&
    Object.assign(Object.create(Object.getPrototypeOf(action.problem)), action.problem, {
      errors: action.problem.errors.filter(
        ({ pointer }) => !resolved.some((one) => pointer.startsWith(one)),
      ),
    });
  return {
    isBusy: action.isBusy,
    problem,
    send,
    clear: action.clear,
    resolve: (pointer) => setResolved((old) => [...old, pointer]),
  };
}
