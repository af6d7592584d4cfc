import { html } from "../view.js";
import { all } from "../api.js";
import { useResource } from "../resource.js";
import { isAdmin, ownAccount } from "../session.js";

// All accounts for operators; empty for tenants, who only see their own.
export const useAccounts = () =>
  useResource(
    async (signal) => (isAdmin() ? (await all("accounts", {}, { signal })).items : []),
    [],
  );

export const nameOf = (accounts, id) => accounts?.find((account) => account.id === id)?.name ?? id;

// Selects an account. `allLabel` labels the empty option where it means all accounts.
export function AccountSelect({ value, onChange, allLabel = null, id = "account", accounts }) {
  if (!isAdmin()) return null;
  return html`<label class="field" for=${id}><span>Account</span>
    <select id=${id} value=${value ?? ""}
      onChange=${(event) => onChange(event.target.value || undefined)}>
      <option value="">${allLabel ?? "The key's account"}</option>
      ${(accounts ?? [])
        .filter(({ id }) => allLabel || id !== ownAccount())
        .map(
          (account) => html`
        <option value=${account.id}>${account.name}</option>`,
        )}
    </select></label>`;
}
