// Preact, its hooks and htm are classic scripts: their modules use bare import specifiers, which
// need an inline import map, and the content security policy forbids inline scripts.
const { preact, preactHooks, htm } = globalThis;

export const { h, render } = preact;
export const { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } = preactHooks;
export const html = htm.bind(h);
