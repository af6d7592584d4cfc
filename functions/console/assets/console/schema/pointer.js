// JSON Pointers (RFC 6901), and immutable updates at a pointer.

export const join = (pointer, name) =>
  `${pointer}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;

export const segments = (pointer) =>
  pointer
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));

/**
 * A copy of a value with the member at a path replaced; `undefined` removes the member.
 * @param {*} value
 * @param {string[]} path
 * @param {*} to
 */
export function withChange(value, [name, ...rest], to) {
  if (name === undefined) return to;
  if (Array.isArray(value))
    return value.map((item, index) =>
      String(index) === String(name) ? withChange(item, rest, to) : item,
    );
  const old = value && typeof value === "object" ? value : {};
  const inner = withChange(old[name], rest, to);
  if (inner !== undefined) return { ...old, [name]: inner };
  const { [name]: _, ...others } = old;
  return others;
}
