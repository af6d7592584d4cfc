// Preact, its hooks and htm, which come as classic scripts: their modules import each other by bare names, which no page can resolve
// without an inline import map.
const { preact, preactHooks, htm } = globalThis;

export const { h, render } = preact;
export const { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } = preactHooks;
export const html = htm.bind(h);
