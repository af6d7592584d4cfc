// Types of the console for `tsc --checkJs`; nothing of this is served.

// Globals of the vendored classic scripts.
declare var preact: any;
declare var preactHooks: any;
declare var htm: any;
declare var uPlot: any;
declare function SwaggerUIBundle(options: object): void;

// Set by theme.js.
declare var tollgateTheme: { isDark(): boolean; choose(theme: "light" | "dark"): void };

interface RequestOptions {
  query?: object;
  body?: unknown;
  text?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  key?: string;
}

interface ProblemDocument {
  type: string;
  title: string;
  status?: number;
  detail?: string;
  errors?: { pointer: string; detail: string }[] | null;
  request_id?: string | null;
}

// All elements that the console looks up can be focused.
interface ParentNode {
  querySelector(selectors: string): HTMLElement | null;
}
