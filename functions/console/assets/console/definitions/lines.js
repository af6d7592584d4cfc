import { segments } from "../schema/pointer.js";

// The range of a pointer's member in a JSON text, from its name to the end of its line. If the
// member is missing, the range of its nearest ancestor. Searches the text for each name in turn,
// without a parser.
export function lineOf(text, pointer) {
  let from = 0,
    to = 0;
  for (const name of segments(pointer)) {
    const at = /^\d+$/.test(name)
      ? item(text, from, Number(name))
      : text.indexOf(`${JSON.stringify(name)}:`, from);
    if (at < 0) break;
    from = at;
    to = text.indexOf("\n", at);
  }
  return [from, to < from ? text.length : to];
}

// The start of an array's item, or -1.
function item(text, from, index) {
  let depth = 0,
    left = index,
    isText = false;
  for (let at = text.indexOf("[", from); at >= 0 && at < text.length; at += 1) {
    const letter = text[at];
    if (isText) {
      if (letter === "\\") at += 1;
      else if (letter === '"') isText = false;
      continue;
    }
    if (letter === '"') isText = true;
    if ("[{".includes(letter)) {
      depth += 1;
      if (depth === 1 && left === 0) return skipSpace(text, at + 1);
    }
    if ("]}".includes(letter)) {
      depth -= 1;
      if (depth === 0) return -1;
    }
    if (letter === "," && depth === 1) {
      left -= 1;
      if (left === 0) return skipSpace(text, at + 1);
    }
  }
  return -1;
}

const skipSpace = (text, at) => at + text.slice(at).search(/\S/);
